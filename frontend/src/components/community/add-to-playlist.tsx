"use client";

import { Plus } from "lucide-react";
import { useRef, type FormEvent } from "react";
import { useTranslations } from "use-intl";
import { toast } from "sonner";
import { Button } from "@/components/ui/button";
import { inputClass } from "@/components/ui/field";
import { Modal } from "@/components/ui/modal";
import { menuItemClass } from "@/components/ui/pop";
import { Failed, Skeleton } from "@/components/ui/states";
import type { Track } from "@/lib/api/client";
import { usePlaylistChanges, usePlaylists } from "@/lib/community";
import { useProblemText } from "@/lib/use-problem-text";

/** Puts a track into one of one's playlists, or into a new one. */
export default function AddToPlaylist({ track, onClose }: { track: Track; onClose: () => void }) {
  const t = useTranslations("community");
  const text = useProblemText();
  const playlists = usePlaylists();
  const { make, put } = usePlaylistChanges();
  const field = useRef<HTMLInputElement>(null);
  const mine = playlists.items.filter(({ role, collaborative }) => role === "owner" || collaborative);
  const complain = (failure: Error) => void toast.error(text(failure));
  const add = (playlist: string, title: string) =>
    put.mutate(
      { playlist, track: track.id },
      {
        onSuccess: () => {
          toast(t("added", { title }));
          onClose();
        },
        onError: complain,
      },
    );
  const addToNew = (event: FormEvent) => {
    event.preventDefault();
    const title = field.current?.value.trim() ?? "";
    if (title) make.mutate(title, { onSuccess: (playlist) => add(playlist.id, title), onError: complain });
  };
  return (
    <Modal label={t("addTo", { title: track.title })} onClose={onClose} className="w-[min(92vw,420px)]">
      <div className="p-5">
        <h2 className="line-clamp-2 text-xl">{t("addTo", { title: track.title })}</h2>
        <form onSubmit={addToNew} className="mt-4 flex gap-2">
          <input
            ref={field}
            required
            maxLength={200}
            aria-label={t("newPlaylist")}
            placeholder={t("newPlaylist")}
            className={inputClass}
          />
          <Button type="submit" disabled={make.isPending || put.isPending}>
            <Plus size={16} aria-hidden />
            {t("makePlaylist")}
          </Button>
        </form>
        {playlists.isPending ? (
          <Skeleton className="mt-4 h-24" />
        ) : playlists.error && playlists.items.length === 0 ? (
          <Failed failure={playlists.error} retry={() => void playlists.refetch()} />
        ) : mine.length === 0 && !playlists.hasNextPage ? (
          <p className="mt-4 text-muted">{t("noneToAdd")}</p>
        ) : (
          <ul className="mt-4">
            {mine.map((playlist) => (
              <li key={playlist.id}>
                <button
                  type="button"
                  className={menuItemClass}
                  disabled={put.isPending}
                  onClick={() => add(playlist.id, playlist.title)}
                >
                  <span className="min-w-0 flex-1 truncate">{playlist.title}</span>
                  <span className="text-sm text-muted">{t("songCount", { count: playlist.track_count })}</span>
                </button>
              </li>
            ))}
          </ul>
        )}
        {playlists.hasNextPage && (
          <Button
            size="small"
            className="mt-3"
            disabled={playlists.isFetchingNextPage}
            onClick={() => void playlists.fetchNextPage()}
          >
            {t("morePlaylists")}
          </Button>
        )}
      </div>
    </Modal>
  );
}
