"use client";

import type { ReactNode } from "react";
import Link from "next/link";
import { LikeButton } from "./like-button";
import { TrackTile } from "@/components/library/track-tile";
import { More } from "@/components/ui/more";
import { Failed, Skeleton } from "@/components/ui/states";
import type { Track } from "@/lib/api/client";
import { personHref } from "@/lib/community";
import { playableTrack } from "@/lib/music";
import { usePlayer } from "@/stores/player";

type Shelf = {
  items: Track[];
  isPending: boolean;
  error: Error | null;
  refetch: () => unknown;
  hasNextPage: boolean;
  isFetchingNextPage: boolean;
  fetchNextPage: () => unknown;
};

/** Songs of many people as records on a shelf: played from here on, with who made them and a heart. */
export function Songs({ shelf, empty }: { shelf: Shelf; empty: ReactNode }) {
  if (shelf.isPending)
    return (
      <div aria-busy className="grid grid-cols-2 gap-x-4 gap-y-6 sm:grid-cols-3 lg:grid-cols-5">
        {Array.from({ length: 10 }, (_, at) => (
          <Skeleton key={at} className="aspect-square" />
        ))}
      </div>
    );
  if (shelf.error && shelf.items.length === 0)
    return <Failed failure={shelf.error} retry={() => void shelf.refetch()} />;
  if (shelf.items.length === 0) return empty;
  const play = (track: Track) => {
    const player = usePlayer.getState();
    if (player.current()?.id === track.id) player.toggle();
    else player.play(shelf.items.map(playableTrack), shelf.items.indexOf(track));
  };
  return (
    <>
      <ul className="grid grid-cols-2 gap-x-4 gap-y-6 sm:grid-cols-3 lg:grid-cols-5">
        {shelf.items.map((track) => (
          <TrackTile key={track.id} track={track} onPlay={() => play(track)}>
            <div className="mt-0.5 flex items-center justify-between gap-2">
              <Link
                prefetch={false}
                href={personHref(track.owner.username)}
                className="min-w-0 truncate text-sm text-muted hover:text-ink hover:underline touch:py-1"
              >
                {track.owner.username}
              </Link>
              <LikeButton track={track} className="-mr-2" />
            </div>
          </TrackTile>
        ))}
      </ul>
      {shelf.hasNextPage && <More load={() => void shelf.fetchNextPage()} loading={shelf.isFetchingNextPage} />}
    </>
  );
}
