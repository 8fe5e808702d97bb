"use client";

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { answer, api } from "./api/client";
import type { components } from "./api/schema";

type Schemas = components["schemas"];
export type Share = Schemas["Share"];
export type SharedTrack = Schemas["SharedTrack"];

const sharesKey = (track: string) => ["shares", track] as const;

/** How long a link may work, in hours; null: until it is ended. */
export const LIVES = { day: 24, week: 7 * 24, month: 30 * 24, year: 365 * 24, ever: null } as const;
export type Life = keyof typeof LIVES;

/** The address that opens a link: its token stands in the fragment, so that no server and no log sees it. */
export function sharedHref(origin: string, token: string): string {
  return `${origin}/shared/#token=${encodeURIComponent(token)}`;
}

/** The links to one of one's tracks, newest first, without their tokens. */
export function useShares(track: string) {
  return useQuery({
    queryKey: sharesKey(track),
    queryFn: async () =>
      (await answer(api.GET("/api/v1/tracks/{track_id}/shares", { params: { path: { track_id: track } } }))).items,
  });
}

/** Make a link to a track, or end one. */
export function useShareChanges(track: string) {
  const queries = useQueryClient();
  const reread = () => queries.invalidateQueries({ queryKey: sharesKey(track) });
  return {
    make: useMutation({
      mutationFn: ({ life, password }: { life: Life; password: string }) =>
        answer(
          api.POST("/api/v1/tracks/{track_id}/share", {
            params: { path: { track_id: track } },
            body: { expires_in_hours: LIVES[life], password: password || null },
          }),
        ),
      onSettled: reread,
    }),
    end: useMutation({
      mutationFn: (id: string) =>
        answer(
          api.DELETE("/api/v1/tracks/{track_id}/shares/{share_id}", {
            params: { path: { track_id: track, share_id: id } },
          }),
        ),
      onSettled: reread,
    }),
  };
}

/** What a link leads to; every opening is counted, so it is asked for once. */
export function useShared(token: string, password: string | null) {
  return useQuery({
    queryKey: ["shared", token, password],
    enabled: token !== "",
    staleTime: Infinity,
    gcTime: 0,
    retry: false,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
    queryFn: () => answer(api.POST("/api/v1/shared", { body: { token, password } })),
  });
}

/** A signed link with one more value, whether or not it has a query yet. */
export function withValue(link: string, name: string, value: string | number | boolean): string {
  return `${link}${link.includes("?") ? "&" : "?"}${name}=${encodeURIComponent(value)}`;
}

/** The id of the link, read off a signed address; the same for everybody who opens it. */
export function shareIdOf(link: string): string {
  return /\/shared\/([^/?]+)\//.exec(link)?.[1] ?? "";
}
