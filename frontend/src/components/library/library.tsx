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
import { inputClass } from "@/components/ui/field";
import { More } from "@/components/ui/more";
import { Empty, Failed, Skeleton } from "@/components/ui/states";
import { TagFilter } from "@/components/ui/tag-filter";
import type { Track } from "@/lib/api/client";
import { ProblemError } from "@/lib/api/problem";
import { useDeleteTracks } from "@/lib/change-tracks";
import { filterTracks, frequentTags } from "@/lib/library";
import { playableTrack, useTracks } from "@/lib/music";
import { useProject } from "@/lib/projects";
import { useQueryValue } from "@/lib/query-value";
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
  const tracks = useTracks(true, shelf);
  const project = useProject(shelf);
  const remove = useDeleteTracks();
  const [view, setView] = useState<View>("list");
  const [text, setText] = useState("");
  const [tag, setTag] = useState<string | null>(null);
  const [marked, setMarked] = useState<ReadonlySet<string>>(new Set());
  const [choosing, setChoosing] = useState(false);
  const all = useMemo(() => tracks.data?.pages.flatMap((page) => page.items) ?? [], [tracks.data]);
  const shown = useMemo(() => filterTracks(all, text, tag), [all, text, tag]);
  const tags = useMemo(() => frequentTags(all, 8), [all]);

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
  const mark = (id: string) => {
    const next = new Set(marked);
    if (!next.delete(id)) next.add(id);
    setMarked(next);
  };
  const chosen = useMemo(() => all.filter((track) => marked.has(track.id)), [all, marked]);
  const stopChoosing = () => {
    setMarked(new Set());
    setChoosing(false);
  };
  const missing = [project.error, tracks.error].some(
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
      <TagFilter label={t("tags")} tags={tags} chosen={tag} onChoose={setTag} className="mt-5" />
      {(choosing || chosen.length > 0) && (
        <BulkBar
          tracks={chosen}
          onAll={
            shown.every((track) => marked.has(track.id))
              ? undefined
              : () => setMarked(new Set(shown.map((track) => track.id)))
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
        ) : all.length === 0 && shelf ? (
          <Empty
            title={projects("emptyTitle")}
            action={<ButtonLink href={projectHref()}>{projects("emptyAction")}</ButtonLink>}
          >
            {projects("emptyText")}
          </Empty>
        ) : all.length === 0 ? (
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
                onMark={choosing || marked.size > 0 ? () => mark(track.id) : undefined}
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
                onMark={() => mark(track.id)}
                choosing={choosing}
                onDelete={() => remove([track])}
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
