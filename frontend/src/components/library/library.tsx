"use client";

import { ListFilter, ListMusic, Search, Trash2 } from "lucide-react";
import { useSearchParams } from "next/navigation";
import { useEffect, useMemo, useState } from "react";
import { useTranslations } from "use-intl";
import { BulkBar } from "./bulk-bar";
import { Filters, type View } from "./filters";
import { ProjectBar, ProjectHead, projectHref } from "./project-bar";
import { TrackRow } from "./track-row";
import { TrackTile } from "./track-tile";
import { Upload } from "./upload";
import { MembersOnly } from "@/components/frame/members-only";
import { Button, ButtonLink } from "@/components/ui/button";
import { inputClass } from "@/components/ui/field";
import { More } from "@/components/ui/more";
import { Empty, Failed, Skeleton } from "@/components/ui/states";
import type { Track } from "@/lib/api/client";
import { ProblemError } from "@/lib/api/problem";
import { useDeleteTracks } from "@/lib/change-tracks";
import { countFilters, EVERYTHING, frequentTags, narrowedAddress, readNarrowed, type Narrowed } from "@/lib/library";
import { playableTrack, useTracks } from "@/lib/music";
import { useProject } from "@/lib/projects";
import { useQueryValue } from "@/lib/query-value";
import { useSettled } from "@/lib/use-settled";
import { usePlayer } from "@/stores/player";

const VIEW_KEY = "studio.library.view";
const GRID = "grid grid-cols-2 gap-x-4 gap-y-6 sm:grid-cols-3 lg:grid-cols-5";
const ON_PHONES_A_SIGN = "max-sm:w-11 max-sm:px-0";

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
  const said = useSearchParams();
  // It stands in the address: a reload and the way back from a track find the same shelf.
  const [narrowed, setNarrowed] = useState(() => readNarrowed(said.toString()));
  const [filtering, setFiltering] = useState(false);
  const [marked, setMarked] = useState<ReadonlyMap<string, Track>>(new Map());
  const [choosing, setChoosing] = useState(false);
  const whole = useTracks({ project: shelf });
  const settled = { ...narrowed, text: useSettled(narrowed.text.trim()) };
  const { tag } = narrowed;
  const tracks = useTracks({ project: shelf, ...settled });
  const all = useMemo(() => whole.data?.pages.flatMap((page) => page.items) ?? [], [whole.data]);
  const shown = useMemo(() => tracks.data?.pages.flatMap((page) => page.items) ?? [], [tracks.data]);
  const tags = useMemo(() => {
    const frequent = frequentTags(all, 8);
    return tag && !frequent.includes(tag) ? [tag, ...frequent] : frequent;
  }, [all, tag]);
  const isPart = Boolean(narrowed.text.trim() || tag || narrowed.visibility !== "all");
  const filters = countFilters(narrowed);
  const hasFilters = all.length > 0 || isPart;
  const narrow = (change: Partial<Narrowed>) => setNarrowed((now) => ({ ...now, ...change }));

  const inAddress = narrowedAddress("", settled);
  useEffect(() => {
    // On the way to another shelf the address becomes that one's only now.
    const address = narrowedAddress(location.search, readNarrowed(inAddress));
    if (address !== location.search) history.replaceState(null, "", `${location.pathname}${address}`);
  }, [inAddress]);
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
      <div className="flex flex-wrap items-center gap-x-2 gap-y-4">
        <h1 className="mr-auto text-4xl tracking-[-0.035em]">{t("title")}</h1>
        <ButtonLink href="/playlists/" aria-label={t("playlists")} title={t("playlists")} className={ON_PHONES_A_SIGN}>
          <ListMusic size={16} aria-hidden />
          <span className="max-sm:hidden">{t("playlists")}</span>
        </ButtonLink>
        <ButtonLink href="/trash/" aria-label={t("trash")} title={t("trash")} className="px-3 max-sm:w-11 max-sm:px-0">
          <Trash2 size={16} aria-hidden />
        </ButtonLink>
        <Upload className={ON_PHONES_A_SIGN} />
        <div className="flex w-full gap-2 sm:w-72">
          <label className="relative min-w-0 flex-1">
            <span className="sr-only">{t("search")}</span>
            <Search
              size={17}
              aria-hidden
              className="pointer-events-none absolute left-3 top-1/2 -translate-y-1/2 text-faint"
            />
            <input
              type="search"
              value={narrowed.text}
              maxLength={200}
              onChange={(event) => narrow({ text: event.target.value })}
              placeholder={t("search")}
              className={`${inputClass} pl-10`}
            />
          </label>
          {hasFilters && (
            <Button
              aria-expanded={filtering}
              aria-controls="filters"
              onClick={() => setFiltering(!filtering)}
              className="px-3! md:hidden"
            >
              <ListFilter size={17} aria-hidden />
              {t("filters")}
              {filters > 0 && (
                <span className="tabular grid h-5 min-w-5 place-items-center rounded-full bg-coral px-1 text-xs text-on-accent">
                  {filters}
                </span>
              )}
            </Button>
          )}
        </div>
      </div>
      <ProjectBar chosen={shelf} />
      {project.data && <ProjectHead project={project.data} />}
      {hasFilters && (
        <Filters
          id="filters"
          open={filtering}
          tags={tags}
          narrowed={narrowed}
          onNarrow={narrow}
          view={view}
          onView={choose}
          choosing={choosing}
          onChoosing={() => (choosing ? stopChoosing() : setChoosing(true))}
        />
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
          <Waiting view={view} />
        ) : tracks.error && !tracks.data ? (
          <Failed failure={tracks.error} retry={() => void tracks.refetch()} />
        ) : shown.length === 0 && !isPart && shelf ? (
          <Empty
            title={projects("emptyTitle")}
            action={<ButtonLink href={projectHref()}>{projects("emptyAction")}</ButtonLink>}
          >
            {projects("emptyText")}
          </Empty>
        ) : shown.length === 0 && !isPart ? (
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
            action={<Button onClick={() => setNarrowed({ ...EVERYTHING, sort: narrowed.sort })}>{t("showAll")}</Button>}
          >
            {narrowed.text.trim() ? t("noneText") : t("noneFiltered")}
          </Empty>
        ) : view === "grid" ? (
          <ul className={GRID}>
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

function Waiting({ view }: { view: View }) {
  if (view === "grid")
    return (
      <div aria-busy className={GRID}>
        {Array.from({ length: 10 }, (_, at) => (
          <Skeleton key={at} className="aspect-[4/5]" />
        ))}
      </div>
    );
  return (
    <div aria-busy className="flex flex-col gap-2">
      {Array.from({ length: 8 }, (_, at) => (
        <Skeleton key={at} className="h-[72px]" />
      ))}
    </div>
  );
}
