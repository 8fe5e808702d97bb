"use client";

import { useQueryClient, type InfiniteData } from "@tanstack/react-query";
import { useCallback } from "react";
import { useTranslations } from "use-intl";
import { toast } from "sonner";
import { answer, api, type Track } from "./api/client";
import type { components } from "./api/schema";
import { keys } from "./music";
import { projectKeys } from "./projects";
import { useProblemSentence, useProblemText } from "./use-problem-text";
import { usePlayer } from "@/stores/player";

type Pages = InfiniteData<{ items: Track[] }>;
type Outcome = components["schemas"]["ChangedTrack"];
export type TrackChange = Omit<components["schemas"]["TrackChanges"], "track_ids">;

/** How many tracks the server changes in one go. */
export const MOST_AT_ONCE = 200;

/** Tracks of which the same is to become, in parts that the server takes. */
export function sameChanges(
  tracks: readonly Track[],
  changeOf: (track: Track) => TrackChange,
): { change: TrackChange; ids: string[] }[] {
  const groups = new Map<string, { change: TrackChange; ids: string[] }[]>();
  for (const track of tracks) {
    const change = changeOf(track);
    const name = JSON.stringify(change);
    const parts = groups.get(name) ?? [];
    if (!parts.length || parts.at(-1)!.ids.length === MOST_AT_ONCE) parts.push({ change, ids: [] });
    parts.at(-1)!.ids.push(track.id);
    groups.set(name, parts);
  }
  return [...groups.values()].flat();
}

async function send(tracks: readonly Track[], changeOf: (track: Track) => TrackChange): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const { change, ids } of sameChanges(tracks, changeOf)) {
    // Kept alive, so that it also arrives when the page is being left.
    const call = api.POST("/api/v1/tracks/bulk", { body: { track_ids: ids, ...change }, keepalive: true });
    outcomes.push(...(await answer(call)).items);
  }
  return outcomes;
}

/**
 * Change several of one's tracks at once, and offer to undo it: `back` says what makes a track as it was. What the server
 * did not change is named with its reason.
 */
export function useChangeTracks() {
  const t = useTranslations("library");
  const text = useProblemText();
  const why = useProblemSentence();
  const queries = useQueryClient();
  return useCallback(
    async (
      tracks: readonly Track[],
      change: TrackChange,
      back: (track: Track) => TrackChange,
      said: (count: number) => string,
    ) => {
      const refresh = () => {
        for (const queryKey of [keys.tracks, ["track"], keys.trash, projectKeys.all])
          void queries.invalidateQueries({ queryKey });
      };
      const tell = (outcomes: Outcome[]) => {
        const stayed = outcomes.filter(({ done }) => !done);
        if (stayed.length) toast.error(t("someStayed", { count: stayed.length, reason: why(stayed[0]!) }));
      };
      try {
        const outcomes = await send(tracks, () => change);
        const done = new Set(outcomes.filter((outcome) => outcome.done).map(({ track_id }) => track_id));
        tell(outcomes);
        const changed = tracks.filter(({ id }) => done.has(id));
        const undo = () =>
          void send(changed, back)
            .then(tell, (failure) => toast.error(text(failure)))
            .finally(refresh);
        if (changed.length) toast(said(changed.length), { action: { label: t("undo"), onClick: undo } });
      } catch (failure) {
        toast.error(text(failure));
      } finally {
        refresh();
      }
    },
    [queries, t, text, why],
  );
}

/** Puts tracks into the trash: out of sight at once, back when it is undone or the server refuses. */
export function useDeleteTracks(): (tracks: Track[]) => void {
  const t = useTranslations("library");
  const queries = useQueryClient();
  const change = useChangeTracks();
  return useCallback(
    (tracks) => {
      const ids = new Set(tracks.map((track) => track.id));
      queries.setQueriesData<Pages>(
        { queryKey: keys.tracks },
        (pages) =>
          pages && {
            ...pages,
            pages: pages.pages.map((page) => ({ ...page, items: page.items.filter((track) => !ids.has(track.id)) })),
          },
      );
      for (const id of ids) usePlayer.getState().forget(id);
      const name = tracks.length === 1 ? tracks[0]!.title : "";
      void change(
        tracks,
        { trashed: true },
        () => ({ trashed: false }),
        (count) => (name ? t("deletedOne", { title: name }) : t("deletedMany", { count })),
      );
    },
    [queries, t, change],
  );
}
