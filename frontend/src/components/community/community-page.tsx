"use client";

import { Search } from "lucide-react";
import { useState } from "react";
import { useTranslations } from "use-intl";
import { PersonRow } from "./person-row";
import { Songs } from "./songs";
import { Tabs } from "./tabs";
import { MembersOnly } from "@/components/frame/members-only";
import { Button, ButtonLink } from "@/components/ui/button";
import { inputClass } from "@/components/ui/field";
import { Empty } from "@/components/ui/states";
import { TagFilter } from "@/components/ui/tag-filter";
import {
  useExplore,
  useFeed,
  useLikes,
  useFoundPeople,
  useFoundSongs,
  useTrendingTags,
  type ExploreSort,
} from "@/lib/community";
import { useSettled } from "@/lib/use-settled";

type View = ExploreSort | "following" | "liked";
const VIEWS: View[] = ["trending", "new", "following", "liked"];

/** What other people make. */
export function CommunityPage() {
  return <MembersOnly>{(user) => <Places me={user.username} />}</MembersOnly>;
}

function Places({ me }: { me: string }) {
  const t = useTranslations("community");
  const [view, setView] = useState<View>("trending");
  const [text, setText] = useState("");
  const wanted = useSettled(text.trim());
  return (
    <div className="mx-auto w-full max-w-[1280px] px-4 pb-16 pt-8 md:px-6 md:pt-12">
      <div className="mb-6 flex flex-wrap items-end gap-x-6 gap-y-4">
        <h1 className="text-4xl tracking-[-0.035em]">{t("title")}</h1>
        <label className="relative ml-auto max-sm:basis-full sm:w-80">
          <span className="sr-only">{t("search")}</span>
          <Search
            size={17}
            aria-hidden
            className="pointer-events-none absolute left-3 top-1/2 -translate-y-1/2 text-faint"
          />
          <input
            type="search"
            value={text}
            maxLength={200}
            onChange={(event) => setText(event.target.value)}
            placeholder={t("search")}
            className={`${inputClass} pl-10`}
          />
        </label>
      </div>
      {wanted ? (
        <Found text={wanted} me={me} clear={() => setText("")} />
      ) : (
        <Tabs label={t("views")} names={VIEWS.map((name) => ({ name, label: t(name) }))} shown={view} onShow={setView}>
          {view === "following" ? <Following /> : view === "liked" ? <Liked /> : <Explore key={view} sort={view} />}
        </Tabs>
      )}
    </div>
  );
}

function Explore({ sort }: { sort: ExploreSort }) {
  const t = useTranslations("community");
  const [tag, setTag] = useState<string | null>(null);
  const tags = useTrendingTags();
  const shelf = useExplore(sort, tag);
  return (
    <>
      <TagFilter
        label={t("tags")}
        tags={(tags.data ?? []).map(({ tag: name }) => name)}
        chosen={tag}
        onChoose={setTag}
        className="mb-6"
      />
      <Songs
        shelf={shelf}
        empty={
          <Empty
            title={t("emptyTitle")}
            action={
              <ButtonLink look="primary" href="/library/">
                {t("emptyAction")}
              </ButtonLink>
            }
          >
            {t("emptyText")}
          </Empty>
        }
      />
    </>
  );
}

function Following() {
  const t = useTranslations("community");
  return <Songs shelf={useFeed()} empty={<Empty title={t("feedTitle")}>{t("feedText")}</Empty>} />;
}

function Liked() {
  const t = useTranslations("community");
  return <Songs shelf={useLikes()} empty={<Empty title={t("likedTitle")}>{t("likedText")}</Empty>} />;
}

function Found({ text, me, clear }: { text: string; me: string; clear: () => void }) {
  const t = useTranslations("community");
  const songs = useFoundSongs(text);
  const found = useFoundPeople(text);
  const people = found.data ?? [];
  const nothing = songs.isSuccess && found.isSuccess && songs.items.length + people.length === 0;
  if (nothing)
    return (
      <Empty title={t("noneTitle")} action={<Button onClick={clear}>{t("showAll")}</Button>}>
        {t("noneText")}
      </Empty>
    );
  return (
    <div className="flex flex-col gap-10">
      {people.length > 0 && (
        <section aria-labelledby="found-people">
          <h2 id="found-people" className="mb-2 text-xl">
            {t("people")}
          </h2>
          <ul>
            {people.map((profile) => (
              <PersonRow key={profile.id} profile={profile} me={me} />
            ))}
          </ul>
        </section>
      )}
      <section aria-labelledby="found-songs">
        <h2 id="found-songs" className="mb-4 text-xl">
          {t("songs")}
        </h2>
        <Songs shelf={songs} empty={<p className="text-muted">{t("noSongs")}</p>} />
      </section>
    </div>
  );
}
