"use client";

import { useRef, type FormEvent } from "react";
import { useTranslations } from "use-intl";
import { toast } from "sonner";
import { PlaylistLine } from "./playlist-line";
import { MembersOnly } from "@/components/frame/members-only";
import { Button } from "@/components/ui/button";
import { inputClass } from "@/components/ui/field";
import { More } from "@/components/ui/more";
import { Empty, Failed, Skeleton } from "@/components/ui/states";
import { usePlaylistChanges, usePlaylists } from "@/lib/community";
import { useProblemText } from "@/lib/use-problem-text";

/** One's playlists, and those that one was let into. */
export function PlaylistsPage() {
  return <MembersOnly>{() => <Lists />}</MembersOnly>;
}

function Lists() {
  const t = useTranslations("community");
  const text = useProblemText();
  const playlists = usePlaylists();
  const { make } = usePlaylistChanges();
  const field = useRef<HTMLInputElement>(null);
  const add = (event: FormEvent) => {
    event.preventDefault();
    const title = field.current?.value.trim() ?? "";
    if (!title) return;
    make.mutate(title, {
      onSuccess: () => {
        if (field.current) field.current.value = "";
      },
      onError: (failure) => toast.error(text(failure)),
    });
  };
  return (
    <div className="mx-auto w-full max-w-[860px] px-4 pb-16 pt-8 md:px-6 md:pt-12">
      <h1 className="text-4xl tracking-[-0.035em]">{t("playlists")}</h1>
      <form onSubmit={add} className="mt-6 flex gap-2">
        <input
          ref={field}
          required
          maxLength={200}
          aria-label={t("newPlaylist")}
          placeholder={t("newPlaylist")}
          className={inputClass}
        />
        <Button type="submit" look="primary" disabled={make.isPending}>
          {t("makePlaylist")}
        </Button>
      </form>
      <div className="mt-6">
        {playlists.isPending ? (
          <Skeleton className="h-40" />
        ) : playlists.error && playlists.items.length === 0 ? (
          <Failed failure={playlists.error} retry={() => void playlists.refetch()} />
        ) : playlists.items.length === 0 ? (
          <Empty title={t("noListsTitle")}>{t("noListsText")}</Empty>
        ) : (
          <ul>
            {playlists.items.map((playlist) => (
              <PlaylistLine key={playlist.id} playlist={playlist} />
            ))}
          </ul>
        )}
        {playlists.hasNextPage && (
          <More load={() => void playlists.fetchNextPage()} loading={playlists.isFetchingNextPage} />
        )}
      </div>
    </div>
  );
}
