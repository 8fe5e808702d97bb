"use client";

import { useQueryClient, type InfiniteData } from "@tanstack/react-query";
import { useCallback } from "react";
import { useTranslations } from "use-intl";
import { toast } from "sonner";
import { keys } from "./music";
import { undoable } from "./undoable";
import { csrfToken, type Track } from "./api/client";
import { usePlayer } from "@/stores/player";

type Pages = InfiniteData<{ items: Track[] }>;

/** Takes tracks out of sight at once, and off the server when nobody wanted them back. */
export function useDeleteTracks(): (tracks: Track[]) => void {
  const t = useTranslations("library");
  const queries = useQueryClient();
  return useCallback(
    (tracks) => {
      const ids = new Set(tracks.map((track) => track.id));
      queries.setQueryData<Pages>(
        keys.tracks,
        (pages) =>
          pages && {
            ...pages,
            pages: pages.pages.map((page) => ({ ...page, items: page.items.filter((track) => !ids.has(track.id)) })),
          },
      );
      for (const id of ids) usePlayer.getState().forget(id);
      const refresh = () => void queries.invalidateQueries({ queryKey: keys.tracks });
      const commit = async () => {
        // Straight to the server, so that it also works while the page is being left.
        const answers = await Promise.all(
          [...ids].map((id) =>
            fetch(`/api/v1/tracks/${encodeURIComponent(id)}`, {
              method: "DELETE",
              keepalive: true,
              headers: { "X-CSRF-Token": csrfToken(document.cookie) },
            }).catch(() => null),
          ),
        );
        if (answers.some((answer) => !answer || (!answer.ok && answer.status !== 404))) toast.error(t("deleteFailed"));
        refresh();
      };
      const name = tracks.length === 1 ? tracks[0]!.title : "";
      undoable(
        name ? t("deletedOne", { title: name }) : t("deletedMany", { count: tracks.length }),
        t("undo"),
        () => void commit(),
        refresh,
      );
    },
    [queries, t],
  );
}
