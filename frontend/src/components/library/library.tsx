"use client";

import { CheckSquare, LayoutGrid, List, ListMusic, Search, Trash2 } from "lucide-react";
import { useEffect, useMemo, useState } from "react";
import { useTranslations } from "use-intl";
import { BulkBar } from "./bulk-bar";
import { ProjectBar, ProjectHead, projectHref } from "./project-bar";
import { TrackRow } from "./track-row";
import { TrackTile } from "./track-tile";
import { Upload } from "./upload";
import { MembersOnly } from "@/components/frame/members-only";
import { Button, ButtonLink, IconButton } from "@/components/ui/button";
import { inputClass, selectClass } from "@/components/ui/field";
import { More } from "@/components/ui/more";
import { Empty, Failed, Skeleton } from "@/components/ui/states";
import { TagFilter } from "@/components/ui/tag-filter";
import type { Track } from "@/lib/api/client";
import { ProblemError } from "@/lib/api/problem";
import { useDeleteTracks } from "@/lib/change-tracks";
import { frequentTags, SORTS, VISIBILITIES, type Sort, type Visibility } from "@/lib/library";
import { playableTrack, useTracks } from "@/lib/music";
import { useProject } from "@/lib/projects";
import { useQueryValue } from "@/lib/query-value";
import { useSettled } from "@/lib/use-settled";
import { usePlayer } from "@/stores/player";

type View = "grid" | "list";
const VIEW_KEY = "studio.library.view";

/** All of one's tracks, or those of one project: `/library/?project=…`. */
export function Library() {
  const project = useQueryValue("project");
  return <MembersOnly>{() => <Shelves key={project} shelf={project} />}</MembersOnly>;
}

function Shelves({ shelf }: { shelf: string | undefined }) {
  const t = useTranslations("library");
  const projects = useTranslations("projects");
  const project = useProject(shelf);
  const remove = useDeleteTracks();
  const [view, setView] = useState<View>("list");
  const [text, setText] = useState("");
  const [tag, setTag] = useState<string | null>(null);
  const [sort, setSort] = useState<Sort>("newest");
  const [visibility, setVisibility] = useState<Visibility>("all");
  const [marked, setMarked] = useState<ReadonlyMap<string, Track>>(new Map());
  const [choosing, setChoosing] = useState(false);
  const whole = useTracks({ project: shelf });
  const wanted = { project: shelf, text: useSettled(text.trim()), tag, sort, visibility };
  const tracks = useTracks(wanted);
  const all = useMemo(() => whole.data?.pages.flatMap((page) => page.items) ?? [], [whole.data]);
  const shown = useMemo(() => tracks.data?.pages.flatMap((page) => page.items) ?? [], [tracks.data]);
  const tags = useMemo(() => {
    const frequent = frequentTags(all, 8);
    return tag && !frequent.includes(tag) ? [tag, ...frequent] : frequent;
  }, [all, tag]);
  const narrowed = Boolean(text.trim() || tag || visibility !== "all");

  useEffect(() => {
    if (localStorage.getItem(VIEW_KEY) === "grid") setView("grid");
  }, []);
  const choose = (next: View) => {
    setView(next);
    localStorage.setItem(VIEW_KEY, next);
  };
  const play = (track: Track) => {
    const player = usePlayer.getState();
    if (player.current()?.id === track.id) player.toggle();
    else player.play(shown.map(playableTrack), shown.indexOf(track));
  };
  const mark = (track: Track) => {
    const next = new Map(marked);
    if (!next.delete(track.id)) next.set(track.id, track);
    setMarked(next);
  };
  // What was chosen stays so while one searches for more; as it is now, where it is in view.
  const chosen = useMemo(() => {
    const now = new Map([...all, ...shown].map((track) => [track.id, track]));
    return [...marked.values()].map((track) => now.get(track.id) ?? track);
  }, [all, shown, marked]);
  const stopChoosing = () => {
    setMarked(new Map());
    setChoosing(false);
  };
  const drop = (track: Track) => {
    if (marked.has(track.id)) mark(track);
    remove([track]);
  };
  const missing = [project.error, whole.error].some(
    (failure) => failure instanceof ProblemError && (failure.status === 404 || failure.status === 422),
  );

  return (
    <div className="mx-auto w-full max-w-[1280px] px-4 pb-16 pt-8 md:px-6 md:pt-12">
      <div className="flex flex-wrap items-end gap-x-6 gap-y-4">
        <h1 className="text-4xl tracking-[-0.035em]">{t("title")}</h1>
        <div className="ml-auto flex flex-wrap items-center gap-2 max-sm:w-full">
          <ButtonLink href="/playlists/">
            <ListMusic size={16} aria-hidden />
            {t("playlists")}
          </ButtonLink>
          <ButtonLink href="/trash/" aria-label={t("trash")} title={t("trash")} className="px-3">
            <Trash2 size={16} aria-hidden />
          </ButtonLink>
          <Upload />
          <label className="relative flex-1 basis-40 sm:w-72">
            <span className="sr-only">{t("search")}</span>
            <Search size={17} aria-hidden className="pointer-events-none absolute left-3 top-3 text-faint" />
            <input
              type="search"
              value={text}
              maxLength={200}
              onChange={(event) => setText(event.target.value)}
              placeholder={t("search")}
              className={`${inputClass} pl-10`}
            />
          </label>
          <IconButton
            label={t("choose")}
            pressed={choosing}
            onClick={() => (choosing ? stopChoosing() : setChoosing(true))}
            className="rounded-lg border border-line"
          >
            <CheckSquare size={17} />
          </IconButton>
          <div role="group" aria-label={t("view")} className="flex rounded-lg border border-line p-0.5">
            <IconButton
              label={t("list")}
              size="small"
              pressed={view === "list"}
              onClick={() => choose("list")}
              className="rounded-md"
            >
              <List size={17} />
            </IconButton>
            <IconButton
              label={t("grid")}
              size="small"
              pressed={view === "grid"}
              onClick={() => choose("grid")}
              className="rounded-md"
            >
              <LayoutGrid size={16} />
            </IconButton>
          </div>
        </div>
      </div>
      <ProjectBar chosen={shelf} />
      {project.data && <ProjectHead project={project.data} />}
      {(all.length > 1 || narrowed) && (
        <div className="mt-5 flex items-center gap-x-6 gap-y-3 max-md:flex-wrap">
          <TagFilter
            label={t("tags")}
            tags={tags}
            chosen={tag}
            onChoose={setTag}
            className="max-md:basis-[calc(100%+2rem)] md:min-w-0 md:flex-nowrap! lg:flex-wrap!"
          />
          <div className="flex shrink-0 gap-2 md:ml-auto">
            <select
              aria-label={t("visibility")}
              className={`${selectClass} h-8 px-2 text-sm`}
              value={visibility}
              onChange={(event) => setVisibility(event.target.value as Visibility)}
            >
              {VISIBILITIES.map((name) => (
                <option key={name} value={name}>
                  {t(`visibilities.${name}`)}
                </option>
              ))}
            </select>
            <select
              aria-label={t("sort")}
              className={`${selectClass} h-8 px-2 text-sm`}
              value={sort}
              onChange={(event) => setSort(event.target.value as Sort)}
            >
              {SORTS.map((name) => (
                <option key={name} value={name}>
                  {t(`sorts.${name}`)}
                </option>
              ))}
            </select>
          </div>
        </div>
      )}
      {(choosing || chosen.length > 0) && (
        <BulkBar
          tracks={chosen}
          onAll={
            shown.every((track) => marked.has(track.id))
              ? undefined
              : () => setMarked(new Map([...marked, ...shown.map((track) => [track.id, track] as const)]))
          }
          onDone={stopChoosing}
        />
      )}
      <div className="mt-6">
        {missing ? (
          <Empty
            title={projects("missingTitle")}
            action={<ButtonLink href={projectHref()}>{projects("emptyAction")}</ButtonLink>}
          >
            {projects("missingText")}
          </Empty>
        ) : tracks.isPending ? (
          <Waiting />
        ) : tracks.error && !tracks.data ? (
          <Failed failure={tracks.error} retry={() => void tracks.refetch()} />
        ) : shown.length === 0 && !narrowed && shelf ? (
          <Empty
            title={projects("emptyTitle")}
            action={<ButtonLink href={projectHref()}>{projects("emptyAction")}</ButtonLink>}
          >
            {projects("emptyText")}
          </Empty>
        ) : shown.length === 0 && !narrowed ? (
          <Empty
            title={t("emptyTitle")}
            action={
              <ButtonLink look="primary" href="/create/">
                {t("emptyAction")}
              </ButtonLink>
            }
          >
            {t("emptyText")}
          </Empty>
        ) : shown.length === 0 ? (
          <Empty
            title={t("noneTitle")}
            action={
              <Button
                onClick={() => {
                  setText("");
                  setTag(null);
                  setVisibility("all");
                }}
              >
                {t("showAll")}
              </Button>
            }
          >
            {t("noneText")}
          </Empty>
        ) : view === "grid" ? (
          <ul className="grid grid-cols-2 gap-x-4 gap-y-6 sm:grid-cols-3 lg:grid-cols-5">
            {shown.map((track) => (
              <TrackTile
                key={track.id}
                track={track}
                onPlay={() => play(track)}
                marked={marked.has(track.id)}
                onMark={choosing || marked.size > 0 ? () => mark(track) : undefined}
              />
            ))}
          </ul>
        ) : (
          <ul className="flex flex-col">
            {shown.map((track) => (
              <TrackRow
                key={track.id}
                track={track}
                onPlay={() => play(track)}
                marked={marked.has(track.id)}
                onMark={() => mark(track)}
                choosing={choosing}
                onDelete={() => drop(track)}
              />
            ))}
          </ul>
        )}
        {tracks.hasNextPage && <More load={() => void tracks.fetchNextPage()} loading={tracks.isFetchingNextPage} />}
      </div>
    </div>
  );
}

function Waiting() {
  return (
    <div aria-busy className="flex flex-col gap-2">
      {Array.from({ length: 8 }, (_, at) => (
        <Skeleton key={at} className="h-[72px]" />
      ))}
    </div>
  );
}
