"use client";

import { useMutation, useQueryClient, type QueryClient } from "@tanstack/react-query";
import { answer, api, type Track } from "./api/client";
import { showTrack } from "./community";
import { coverUrl } from "./cover-url";
import { keys } from "./music";
import { undoable } from "./undoable";
import { usePlayer } from "@/stores/player";

/** What the server takes as a picture; it looks at the pixels itself, not at the name. */
export const PICTURE_TYPES = ["image/png", "image/jpeg", "image/webp"] as const;
const MOST_BYTES = 10 * 1024 ** 2;
const MOST_PIXELS = 40_000_000;
const LONGEST_SIDE = 12_000;
const SHORTEST_SIDE = 64;

export type PictureProblem = "empty" | "kind" | "heavy" | "small" | "large";

/** What speaks against a file before it is opened; null: nothing. */
export function fileProblem({ size, type }: Pick<File, "size" | "type">): PictureProblem | null {
  if (size === 0) return "empty";
  if (!(PICTURE_TYPES as readonly string[]).includes(type)) return "kind";
  return size > MOST_BYTES ? "heavy" : null;
}

/** What speaks against a picture of so many pixels; null: nothing. */
export function sizeProblem(width: number, height: number): PictureProblem | null {
  if (Math.min(width, height) < SHORTEST_SIDE) return "small";
  return width * height > MOST_PIXELS || Math.max(width, height) > LONGEST_SIDE ? "large" : null;
}

/** Removals that may still be called off, by their tracks. */
const leaving = new Map<string, () => void>();

function showCover(queries: QueryClient, track: Pick<Track, "id" | "has_cover" | "cover_version">): void {
  const { id, has_cover, cover_version } = track;
  showTrack(queries, id, { has_cover, cover_version });
  usePlayer.getState().dress(id, coverUrl(track));
}

/** Give one's track a picture, or take it away. */
export function useCoverChanges(track: Track) {
  const queries = useQueryClient();
  const params = { path: { track_id: track.id } };
  const reread = async () => {
    const found = await queries.fetchQuery({
      queryKey: keys.track(track.id),
      staleTime: 0,
      queryFn: () => answer(api.GET("/api/v1/tracks/{track_id}", { params })),
    });
    showCover(queries, found);
  };
  const give = useMutation({
    mutationFn: (file: File) => {
      // A removal that still waits would take the new picture away.
      leaving.get(track.id)?.();
      const form = new FormData();
      form.append("file", file);
      return answer(
        api.PUT("/api/v1/tracks/{track_id}/cover", { params, body: { file: "" }, bodySerializer: () => form }),
      );
    },
    onSuccess: (changed) => showCover(queries, changed),
    onError: () => void reread().catch(() => undefined),
  });
  /** Shown at once, done when nobody undid it. */
  const takeAway = (said: string, undo: string, onError: (failure: unknown) => void) => {
    const forget = () => void leaving.delete(track.id);
    showCover(queries, { id: track.id, has_cover: false, cover_version: "" });
    const callOff = undoable(
      said,
      undo,
      () => {
        forget();
        // Kept alive, so that it also arrives when the page is being left.
        void answer(api.DELETE("/api/v1/tracks/{track_id}/cover", { params, keepalive: true }))
          .catch(onError)
          .then(reread)
          .catch(() => undefined);
      },
      () => {
        forget();
        showCover(queries, track);
      },
    );
    leaving.set(track.id, () => {
      forget();
      callOff();
    });
  };
  return { give, takeAway };
}
