"use client";

import Link from "next/link";
import { Globe, ListMusic, Lock } from "lucide-react";
import { useTranslations } from "use-intl";
import { playlistHref, type Playlist } from "@/lib/community";

/** A playlist as a line of a list. */
export function PlaylistLine({ playlist }: { playlist: Playlist }) {
  const t = useTranslations("community");
  const Sign = playlist.public ? Globe : Lock;
  return (
    <li className="flex items-center gap-4 rounded-lg px-2 py-2.5 transition hover:bg-surface">
      <span aria-hidden className="grid size-12 shrink-0 place-items-center rounded-lg bg-raised text-accent">
        <ListMusic size={20} />
      </span>
      <div className="min-w-0 flex-1">
        <Link prefetch={false} href={playlistHref(playlist.id)} className="break-words font-semibold hover:underline">
          {playlist.title}
        </Link>
        <p className="flex items-center gap-1.5 text-sm text-muted">
          <Sign size={13} aria-hidden />
          {[
            t(playlist.public ? "public" : "private"),
            t("songCount", { count: playlist.track_count }),
            playlist.role === "owner" ? "" : playlist.owner.username,
          ]
            .filter(Boolean)
            .join(" · ")}
        </p>
      </div>
    </li>
  );
}
