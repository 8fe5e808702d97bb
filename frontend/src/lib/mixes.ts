"use client";

import {
  keepPreviousData,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
  type QueryClient,
} from "@tanstack/react-query";
import { useCallback } from "react";
import { answer, api, idempotencyKey } from "./api/client";
import type { components } from "./api/schema";
import { fingerprint } from "./audio/differences";
import { mixRequest } from "./audio/mix-request";
import { readSession, sourcesOf, type ReadSession } from "./audio/read-session";
import type { Arrangement } from "./audio/session";
import { FirstSave } from "./first-save";
import { keys } from "./music";
import { useStudio } from "@/stores/studio";

type Schemas = components["schemas"];
export type Mix = Schemas["Mix"];
export type MixVersion = Schemas["MixVersion"];

/** Keys of what is kept of mixes. */
export const mixKeys = {
  list: ["mixes"] as const,
  mix: (id: string) => ["mix", id] as const,
  versions: (id: string) => ["mix", id, "versions"] as const,
  version: (id: string, number: number) => ["mix", id, "version", number] as const,
};

/** One's mixes, newest first, a page at a time. */
export function useMixes(enabled: boolean) {
  const query = useInfiniteQuery({
    queryKey: mixKeys.list,
    enabled,
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) =>
      answer(api.GET("/api/v1/mixes", { params: { query: { limit: 20, cursor: pageParam } } })),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
  return { ...query, items: query.data?.pages.flatMap((page) => page.items) ?? [] };
}

const mixOf = (id: string) => ({
  queryKey: mixKeys.mix(id),
  queryFn: () => answer(api.GET("/api/v1/mixes/{mix_id}", { params: { path: { mix_id: id } } })),
});

/** A mix: its newest version may be another one than a moment ago. */
export function useMix(id: string) {
  // Somebody may save into it from another machine.
  return useQuery({ ...mixOf(id), refetchInterval: 30_000 });
}

/** Asks for a mix anew; everything that shows it learns of the answer. */
export function useFreshMix() {
  const queries = useQueryClient();
  return useCallback((id: string) => queries.fetchQuery({ ...mixOf(id), staleTime: 0 }), [queries]);
}

/** Its versions without their sessions, newest first; asked for again when there is a newer one. */
export function useMixVersions(id: string, newest: number) {
  const query = useInfiniteQuery({
    queryKey: [...mixKeys.versions(id), newest],
    placeholderData: keepPreviousData,
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) =>
      answer(
        api.GET("/api/v1/mixes/{mix_id}/versions", {
          params: { path: { mix_id: id }, query: { limit: 20, cursor: pageParam } },
        }),
      ),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
  return { ...query, items: query.data?.pages.flatMap((page) => page.items) ?? [] };
}

const at = (id: string, number: number) => ({ path: { mix_id: id, number } });

/** How long a track is; undefined when it cannot be had, as after it was deleted. */
async function lengthOf(queries: QueryClient, id: string): Promise<number | undefined> {
  try {
    const track = await queries.fetchQuery({
      queryKey: keys.track(id),
      staleTime: Infinity,
      retry: false,
      queryFn: () => answer(api.GET("/api/v1/tracks/{track_id}", { params: { path: { track_id: id } } })),
    });
    return track.duration;
  } catch {
    return undefined;
  }
}

/** Fetches a version and reads it for the studio; null where it cannot be played there. */
export function useReadVersion(title: string, bpm: number | null) {
  const queries = useQueryClient();
  return useCallback(
    async (id: string, number: number): Promise<ReadSession | null> => {
      const version = await queries.fetchQuery({
        queryKey: mixKeys.version(id, number),
        // A version never changes.
        staleTime: Infinity,
        queryFn: () => answer(api.GET("/api/v1/mixes/{mix_id}/versions/{number}", { params: at(id, number) })),
      });
      const session = (version.session ?? {}) as Record<string, unknown>;
      const sources = sourcesOf(session);
      const known = await Promise.all(sources.map((source) => lengthOf(queries, source)));
      return readSession(session, { lengthOf: (source) => known[sources.indexOf(source)], title, bpm });
    },
    [queries, title, bpm],
  );
}

type Saving = { arrangement: Arrangement; bpm: number | null; note: string };

const firstSave = new FirstSave<Mix>();

/** Keep what is in the studio on the server, put an older version in front, make sound of one. */
export function useMixChanges() {
  const queries = useQueryClient();
  const refresh = (id: string) => {
    void queries.invalidateQueries({ queryKey: mixKeys.mix(id) });
    void queries.invalidateQueries({ queryKey: mixKeys.list });
  };
  return {
    /** The first version of a new mix. */
    begin: useMutation({
      mutationFn: ({ projectId, arrangement, bpm, note, title }: Saving & { projectId: string; title: string }) => {
        const body = { title, note, session: mixRequest(arrangement, bpm) as never };
        return firstSave.make(projectId, JSON.stringify(body), (key) =>
          answer(api.POST("/api/v1/mixes", { params: { header: { "Idempotency-Key": key } }, body })),
        );
      },
      onSuccess: (mix, { projectId, arrangement }) => {
        // Here, because the panel that asked may be closed by now: the project would begin a second mix.
        const studio = useStudio.getState();
        if (studio.projectId === projectId && !studio.mix)
          studio.link({ id: mix.id, base: mix.version, saved: fingerprint(arrangement) });
        queries.setQueryData(mixKeys.mix(mix.id), mix);
        refresh(mix.id);
      },
    }),
    /** The next version of a mix; 409 where `base` is not its newest any more. */
    save: useMutation({
      mutationFn: ({ id, base, arrangement, bpm, note }: Saving & { id: string; base: number }) =>
        answer(
          api.POST("/api/v1/mixes/{mix_id}/versions", {
            params: { path: { mix_id: id } },
            body: { note, base_version: base, session: mixRequest(arrangement, bpm) as never },
          }),
        ),
      onSettled: (_, __, { id }) => refresh(id),
    }),
    restore: useMutation({
      mutationFn: ({ id, number }: { id: string; number: number }) =>
        answer(api.POST("/api/v1/mixes/{mix_id}/versions/{number}/restore", { params: at(id, number) })),
      onSettled: (_, __, { id }) => refresh(id),
    }),
    render: useMutation({
      mutationFn: ({ id, number }: { id: string; number: number }) =>
        answer(
          api.POST("/api/v1/mixes/{mix_id}/versions/{number}/render", {
            params: { ...at(id, number), header: { "Idempotency-Key": idempotencyKey() } },
          }),
        ),
      onSuccess: (job) => queries.setQueryData(["job", job.id], job),
    }),
  };
}
