"use client";

import {
  keepPreviousData,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
  type InfiniteData,
  type QueryClient,
} from "@tanstack/react-query";
import { useCallback } from "react";
import { answer, api, idempotencyKey, type GenerateRequest, type Job, type Model, type Track } from "./api/client";
import { ProblemError } from "./api/problem";
import { peaksOfWaveform } from "./audio/peaks";
import { coverUrl } from "./cover-url";
import { askedOf, type Shelf } from "./library";
import { useOwnWords } from "./server-words";
import type { Playable } from "@/stores/player";

/** Keys of what is kept of the server's answers. */
export const keys = {
  jobs: ["jobs"] as const,
  /** The whole library; what begins with it are parts of the library. */
  tracks: ["tracks"] as const,
  shelf: (asked: ReturnType<typeof askedOf>) => ["tracks", "shelf", asked] as const,
  trash: ["trash"] as const,
  track: (id: string) => ["track", id] as const,
  versions: (id: string) => ["track", id, "versions"] as const,
  waveform: (id: string, points: number) => ["waveform", id, points] as const,
  models: ["models"] as const,
};

const JOBS_A_PAGE = 20;
/** Further pages of jobs are asked for until so many takes are among them, and everything that still waits. */
const ENOUGH_TAKES = 10;
const MOST_PAGES = 5;

export function isActive(job: Pick<Job, "status">): boolean {
  return job.status === "queued" || job.status === "running";
}

const isTake = (job: Job) => job.kind === "generate";

/** The latest jobs, newest first: all that wait or run, and so many that bounces and masters do not crowd the takes out. */
export async function recentJobs(
  ask: (cursor: string | undefined) => Promise<{ items: Job[]; next_cursor?: string | null }>,
): Promise<Job[]> {
  const jobs: Job[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < MOST_PAGES; page++) {
    const { items, next_cursor } = await ask(cursor);
    jobs.push(...items);
    cursor = next_cursor ?? undefined;
    const last = items.at(-1);
    if (!cursor || !last || (!isActive(last) && jobs.filter(isTake).length >= ENOUGH_TAKES)) break;
  }
  return jobs;
}

/** The latest takes, newest first. */
export function useTakes(enabled: boolean) {
  return useQuery({
    queryKey: keys.jobs,
    enabled,
    queryFn: () =>
      recentJobs((cursor) => answer(api.GET("/api/v1/jobs", { params: { query: { limit: JOBS_A_PAGE, cursor } } }))),
    select: (jobs) => jobs.filter(isTake),
  });
}

export function useTrack(id: string | undefined) {
  return useQuery({
    queryKey: keys.track(id ?? ""),
    enabled: Boolean(id),
    staleTime: 5 * 60_000,
    queryFn: () => answer(api.GET("/api/v1/tracks/{track_id}", { params: { path: { track_id: id! } } })),
  });
}

/** Several tracks by their ids, all or none; nothing is asked for where there are none. */
export function useTracksOf(ids: readonly string[]) {
  const queries = useQueryClient();
  return useQuery({
    queryKey: ["track", "several", ids],
    enabled: ids.length > 0,
    staleTime: 5 * 60_000,
    queryFn: () =>
      Promise.all(
        ids.map((id) =>
          queries.fetchQuery({
            queryKey: keys.track(id),
            staleTime: 5 * 60_000,
            queryFn: () => answer(api.GET("/api/v1/tracks/{track_id}", { params: { path: { track_id: id } } })),
          }),
        ),
      ),
  });
}

/** The library, or a part of it, a page at a time. Until another part is there, the one before it is shown. */
export function useTracks(shelf: Shelf = {}, enabled = true) {
  const asked = askedOf(shelf);
  return useInfiniteQuery({
    queryKey: Object.keys(asked).length ? keys.shelf(asked) : keys.tracks,
    enabled,
    placeholderData: keepPreviousData,
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) =>
      answer(api.GET("/api/v1/tracks", { signal, params: { query: { limit: 50, cursor: pageParam, ...asked } } })),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
}

/** The tree around a track: what it came from, and what came from it. */
export function useVersions(id: string) {
  return useQuery({
    queryKey: keys.versions(id),
    queryFn: async () =>
      (await answer(api.GET("/api/v1/tracks/{track_id}/versions", { params: { path: { track_id: id } } }))).items,
  });
}

/** One peak (0…1) for each of `points` equal parts of a track. */
export function useWaveform(id: string | undefined, points: number) {
  return useQuery({
    queryKey: keys.waveform(id ?? "", points),
    enabled: Boolean(id),
    staleTime: Infinity,
    queryFn: async () =>
      peaksOfWaveform(
        await answer(
          api.GET("/api/v1/tracks/{track_id}/waveform", { params: { path: { track_id: id! }, query: { points } } }),
        ),
      ),
  });
}

/** As many parts of a waveform as the server tells apart at once. */
export const MOST_POINTS = 8192;

/** Peaks of a track, or of a stem of it; waits while the server is still measuring it. */
export async function fetchWaveform(id: string, stem: string, points: number, signal: AbortSignal) {
  const query = { points };
  for (;;) {
    try {
      const waveform = stem
        ? api.GET("/api/v1/tracks/{track_id}/stems/{name}/waveform", {
            signal,
            params: { path: { track_id: id, name: stem }, query },
          })
        : api.GET("/api/v1/tracks/{track_id}/waveform", { signal, params: { path: { track_id: id }, query } });
      return peaksOfWaveform(await answer(waveform));
    } catch (failure) {
      const seconds = failure instanceof ProblemError && failure.status === 503 ? failure.retryAfterSeconds : null;
      if (seconds === null) throw failure;
      await new Promise((go) => setTimeout(go, Math.min(10, seconds) * 1000));
      signal.throwIfAborted();
    }
  }
}

export function useModels(enabled = true) {
  const say = useOwnWords();
  return useQuery({
    queryKey: keys.models,
    enabled,
    staleTime: 60_000,
    queryFn: async () => (await answer(api.GET("/api/v1/models"))).items,
    select: useCallback(
      (models: Model[]) =>
        models.map((model) => ({
          ...model,
          title: say(model.title, `model.${model.id}`),
          description: say(model.description, `model.${model.id}.about`),
          licence: say(model.licence, `model.${model.id}.licence`),
        })),
      [say],
    ),
  });
}

/** Put what is known of a job into the list of takes, at its place or at the top. */
export function rememberJob(queries: QueryClient, job: Job): void {
  queries.setQueryData<Job[]>(keys.jobs, (jobs = []) =>
    jobs.some((known) => known.id === job.id)
      ? jobs.map((known) => (known.id === job.id ? job : known))
      : [job, ...jobs],
  );
}

/** Ask for takes: the request as often as `count`, each with a seed of its own. */
export function useMake() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async ({ request, count = 1 }: { request: GenerateRequest; count?: number }): Promise<Job[]> => {
      const headers = { "Idempotency-Key": idempotencyKey() };
      const body = { public: false, ...request };
      if (count === 1) return [await answer(api.POST("/api/v1/generate", { params: { header: headers }, body }))];
      const requests = Array.from({ length: count }, (_, take) => ({
        ...body,
        seed: body.seed == null ? undefined : body.seed + take,
      }));
      return (await answer(api.POST("/api/v1/generate/batch", { params: { header: headers }, body: { requests } })))
        .jobs;
    },
    onSuccess: (jobs) => {
      for (const job of [...jobs].reverse()) rememberJob(queries, job);
    },
  });
}

/** Ask for a song after one that may be heard: its form and harmony stay, the rest is made anew. */
export function useRemix() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (id: string) =>
      answer(
        api.POST("/api/v1/tracks/{track_id}/remix", {
          params: { path: { track_id: id }, header: { "Idempotency-Key": idempotencyKey() } },
          body: { public: false },
        }),
      ),
    onSuccess: (job) => rememberJob(queries, job),
  });
}

export function useCancel() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => answer(api.POST("/api/v1/jobs/{job_id}/cancel", { params: { path: { job_id: id } } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: keys.jobs }),
  });
}

/** What lies in the trash, newest track first. */
export function useTrash() {
  const query = useInfiniteQuery({
    queryKey: keys.trash,
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) =>
      answer(api.GET("/api/v1/tracks", { params: { query: { limit: 50, cursor: pageParam, trashed: true } } })),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
  return { ...query, items: query.data?.pages.flatMap((page) => page.items) ?? [] };
}

/** Take a track out of the trash, or delete it with its files. */
export function useTrashChanges() {
  const queries = useQueryClient();
  const refresh = () => {
    for (const queryKey of [keys.trash, keys.tracks, ["projects"]]) void queries.invalidateQueries({ queryKey });
  };
  const at = (id: string) => ({ path: { track_id: id } });
  return {
    restore: useMutation({
      mutationFn: (id: string) => answer(api.POST("/api/v1/tracks/{track_id}/restore", { params: at(id) })),
      onSettled: refresh,
    }),
    /** One after the other, so that a failure leaves the rest where it is; what went before it is counted all the same. */
    destroy: useMutation({
      mutationFn: async (ids: readonly string[]) => {
        let gone = 0;
        try {
          for (const id of ids) {
            await answer(api.DELETE("/api/v1/tracks/{track_id}", { params: { ...at(id), query: { forever: true } } }));
            gone += 1;
          }
        } catch (failure) {
          return { gone, failure };
        }
        return { gone, failure: null };
      },
      onSettled: refresh,
    }),
  };
}

type TrackPages = InfiniteData<{ items: Track[]; next_cursor?: string | null }>;

/** Change a track at once on the page, then on the server; back as it was when the server refuses. */
export function useChangeTrack() {
  const queries = useQueryClient();
  const show = (id: string, change: Partial<Track>) => {
    queries.setQueryData<Track>(keys.track(id), (track) => track && { ...track, ...change });
    queries.setQueriesData<TrackPages>(
      { queryKey: keys.tracks },
      (pages) =>
        pages && {
          ...pages,
          pages: pages.pages.map((page) => ({
            ...page,
            items: page.items.map((track) => (track.id === id ? { ...track, ...change } : track)),
          })),
        },
    );
  };
  return useMutation({
    mutationFn: ({ id, change }: { id: string; change: { title?: string; tags?: string[]; public?: boolean } }) =>
      answer(api.PATCH("/api/v1/tracks/{track_id}", { params: { path: { track_id: id } }, body: change })),
    onMutate: ({ id, change }) => show(id, change),
    onSuccess: (track) => show(track.id, track),
    onError: (_, { id }) => {
      void queries.invalidateQueries({ queryKey: keys.track(id) });
      void queries.invalidateQueries({ queryKey: keys.tracks });
    },
  });
}

export function trackHref(id: string): string {
  return `/track/?id=${encodeURIComponent(id)}`;
}

/** Where a track's sound is; the session's cookie opens it. */
export function audioUrl(id: string, format = "mp3", download = false): string {
  return `/api/v1/tracks/${encodeURIComponent(id)}/audio?format=${format}${download ? "&download=true" : ""}`;
}

export function stemUrl(id: string, stem: string, format = "flac", download = false): string {
  return `/api/v1/tracks/${encodeURIComponent(id)}/stems/${encodeURIComponent(stem)}/audio?format=${format}${download ? "&download=true" : ""}`;
}

/** Where a track's notes are. */
export function midiUrl(id: string): string {
  return `/api/v1/tracks/${encodeURIComponent(id)}/midi`;
}

/** A finished track as something that can be put on. */
export function playableTrack(track: Track): Playable {
  return {
    id: track.id,
    title: track.title,
    artist: track.owner.username,
    src: audioUrl(track.id),
    duration: track.duration,
    href: trackHref(track.id),
    cover: coverUrl(track),
  };
}

/** What was asked for, read off a job. */
export function requestOf(job: Job): GenerateRequest & { prompt: string } {
  const asked = job.request as Partial<GenerateRequest>;
  return { ...asked, prompt: String(asked.prompt ?? "") };
}

/** A take that is still being made as something that can be put on. */
export function playableTake(job: Job, artist: string): Playable {
  const request = requestOf(job);
  return {
    id: job.id,
    title: request.title || request.prompt,
    artist,
    src: `/api/v1/stream/${encodeURIComponent(job.id)}?format=mp3`,
    duration: request.duration ?? 30,
    live: true,
  };
}
