"use client";

import Link from "next/link";
import { Ban, Ellipsis, ExternalLink, Flag, VolumeX } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { useTranslations } from "use-intl";
import { toast } from "sonner";
import { Avatar } from "./avatar";
import { FollowButton } from "./follow-button";
import { PersonRow } from "./person-row";
import { PlaylistLine } from "./playlist-line";
import { Songs } from "./songs";
import { Tabs } from "./tabs";
import { MembersOnly } from "@/components/frame/members-only";
import { ButtonLink } from "@/components/ui/button";
import { More } from "@/components/ui/more";
import { Pop, menuItemClass } from "@/components/ui/pop";
import { Empty, Failed, Skeleton } from "@/components/ui/states";
import { ProblemError } from "@/lib/api/problem";
import {
  usePeople,
  usePlaylists,
  useProfile,
  useSongsOf,
  useTie,
  type PeopleKind,
  type Profile,
} from "@/lib/community";
import { useQueryValue } from "@/lib/query-value";
import { useProblemText } from "@/lib/use-problem-text";

const ReportDialog = lazy(() => import("./report-dialog"));

type View = "songs" | "playlists" | PeopleKind;

/** One person: `/person/?name=…`. */
export function PersonPage() {
  const name = useQueryValue("name");
  return <MembersOnly>{(user) => <Loaded name={name} me={user.username} />}</MembersOnly>;
}

function Loaded({ name, me }: { name: string | undefined; me: string }) {
  const t = useTranslations("community");
  const profile = useProfile(name);
  const { error } = profile;
  if (!name || (error instanceof ProblemError && (error.status === 404 || error.status === 422)))
    return (
      <Empty title={t("missingPerson")} action={<ButtonLink href="/community/">{t("back")}</ButtonLink>}>
        {t("missingPersonText")}
      </Empty>
    );
  if (error && !profile.data) return <Failed alone failure={error} retry={() => void profile.refetch()} />;
  if (!profile.data)
    return (
      <div aria-busy className="mx-auto w-full max-w-[1120px] px-4 pt-12 md:px-6">
        <Skeleton className="h-56" />
      </div>
    );
  return <Person key={profile.data.id} profile={profile.data} me={me} />;
}

function Person({ profile, me }: { profile: Profile; me: string }) {
  const t = useTranslations("community");
  const [view, setView] = useState<View>("songs");
  const mine = profile.username === me;
  const views: { name: View; label: string }[] = [
    { name: "songs", label: t("songCount", { count: profile.tracks }) },
    { name: "playlists", label: t("playlists") },
    { name: "followers", label: t("followerCount", { count: profile.followers }) },
    { name: "following", label: t("followingCount", { count: profile.following }) },
  ];
  return (
    <article className="mx-auto w-full max-w-[1120px] px-4 pb-20 pt-8 md:px-6 md:pt-14">
      <header className="mb-10 flex flex-wrap items-center gap-x-8 gap-y-4">
        <Avatar name={profile.username} className="size-24 text-4xl md:size-32 md:text-5xl" />
        <div className="min-w-0 flex-1 basis-40">
          <h1 className="break-words text-4xl tracking-[-0.035em]">{profile.display_name || profile.username}</h1>
          <p className="mt-1 text-muted">
            @{profile.username}
            {profile.follows_you && !mine && (
              <span className="ml-3 rounded-full bg-raised px-2.5 py-0.5 text-sm">{t("followsYou")}</span>
            )}
          </p>
          {profile.bio && <p className="mt-3 max-w-[64ch] whitespace-pre-line break-words">{profile.bio}</p>}
          {profile.links.length > 0 && (
            <ul className="mt-2 flex flex-wrap gap-x-4 gap-y-1 text-sm">
              {profile.links.map((link) => (
                <li key={link} className="min-w-0">
                  <a
                    href={link}
                    rel="nofollow noopener noreferrer ugc"
                    target="_blank"
                    className="inline-flex max-w-full items-center gap-1 text-accent underline underline-offset-4"
                  >
                    <ExternalLink size={13} aria-hidden />
                    <span className="truncate">{link.replace(/^https?:\/\//, "")}</span>
                  </a>
                </li>
              ))}
            </ul>
          )}
        </div>
        <div className="flex items-center gap-2">
          {mine ? (
            <ButtonLink href="/settings/">{t("editProfile")}</ButtonLink>
          ) : (
            <>
              <FollowButton profile={profile} size="medium" />
              <Distance profile={profile} />
            </>
          )}
        </div>
      </header>
      {profile.blocked && (
        <p role="status" className="panel mb-8 px-4 py-3 text-muted">
          {t("blockedText", { name: profile.username })}
        </p>
      )}
      <Tabs label={t("views")} names={views} shown={view} onShow={setView}>
        {view === "songs" ? (
          <SongsOf name={profile.username} mine={mine} />
        ) : view === "playlists" ? (
          <PlaylistsOf name={profile.username} />
        ) : (
          <People key={view} kind={view} name={profile.username} me={me} />
        )}
      </Tabs>
    </article>
  );
}

const SAID = { mute: ["muted", "muteOver"], block: ["blocked", "blockOver"] } as const;

/** Mute, block and report. */
function Distance({ profile }: { profile: Profile }) {
  const t = useTranslations("community");
  const report = useTranslations("report");
  const [reporting, setReporting] = useState(false);
  const text = useProblemText();
  const tie = useTie(profile.username);
  const set = (name: "mute" | "block", on: boolean) =>
    tie.mutate(
      { tie: name, on },
      {
        onError: (failure) => toast.error(text(failure)),
        onSuccess: () =>
          toast(t(SAID[name][on ? 0 : 1], { name: profile.username }), {
            action: { label: t("undo"), onClick: () => tie.mutate({ tie: name, on: !on }) },
          }),
      },
    );
  return (
    <>
      <Pop
        label={t("moreFor", { name: profile.username })}
        align="end"
        trigger={<Ellipsis size={18} />}
        triggerClass="grid size-10 touch:size-11 place-items-center rounded-full text-muted transition hover:bg-raised hover:text-ink"
        className="w-60 p-1.5"
      >
        <button type="button" data-close className={menuItemClass} onClick={() => set("mute", !profile.muted)}>
          <VolumeX size={16} aria-hidden />
          {profile.muted ? t("unmute") : t("mute")}
        </button>
        <button
          type="button"
          data-close
          className={`${menuItemClass} text-bad`}
          onClick={() => set("block", !profile.blocked)}
        >
          <Ban size={16} aria-hidden />
          {profile.blocked ? t("unblock") : t("block")}
        </button>
        <button type="button" data-close className={`${menuItemClass} text-bad`} onClick={() => setReporting(true)}>
          <Flag size={16} aria-hidden />
          {report("action")}
        </button>
      </Pop>
      {reporting && (
        <Suspense>
          <ReportDialog kind="user" id={profile.id} name={profile.username} onClose={() => setReporting(false)} />
        </Suspense>
      )}
    </>
  );
}

function SongsOf({ name, mine }: { name: string; mine: boolean }) {
  const t = useTranslations("community");
  return (
    <Songs
      shelf={useSongsOf(name)}
      empty={
        <Empty
          title={t("noneYet")}
          action={
            mine && (
              <ButtonLink look="primary" href="/library/">
                {t("emptyAction")}
              </ButtonLink>
            )
          }
        >
          {mine ? t("emptyText") : t("noneYetText", { name })}
        </Empty>
      }
    />
  );
}

function PlaylistsOf({ name }: { name: string }) {
  const t = useTranslations("community");
  const playlists = usePlaylists(name);
  if (playlists.isPending) return <Skeleton className="h-40" />;
  if (playlists.error && playlists.items.length === 0)
    return <Failed failure={playlists.error} retry={() => void playlists.refetch()} />;
  if (playlists.items.length === 0) return <p className="text-muted">{t("noPlaylists", { name })}</p>;
  return (
    <>
      <ul>
        {playlists.items.map((playlist) => (
          <PlaylistLine key={playlist.id} playlist={playlist} />
        ))}
      </ul>
      {playlists.hasNextPage && (
        <More load={() => void playlists.fetchNextPage()} loading={playlists.isFetchingNextPage} />
      )}
    </>
  );
}

function People({ kind, name, me }: { kind: PeopleKind; name: string; me: string }) {
  const t = useTranslations("community");
  const people = usePeople(kind, name);
  if (people.isPending) return <Skeleton className="h-40" />;
  if (people.error && people.items.length === 0)
    return <Failed failure={people.error} retry={() => void people.refetch()} />;
  if (people.items.length === 0)
    return (
      <p className="text-muted">
        {t(kind === "followers" ? "noFollowers" : "noFollowing")}{" "}
        <Link prefetch={false} href="/community/" className="text-accent underline underline-offset-4">
          {t("lookAround")}
        </Link>
      </p>
    );
  return (
    <>
      <ul>
        {people.items.map((profile) => (
          <PersonRow key={profile.id} profile={profile} me={me} />
        ))}
      </ul>
      {people.hasNextPage && <More load={() => void people.fetchNextPage()} loading={people.isFetchingNextPage} />}
    </>
  );
}
