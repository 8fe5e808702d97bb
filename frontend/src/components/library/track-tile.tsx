"use client";

import Link from "next/link";
import type { ReactNode } from "react";
import { useTranslations } from "use-intl";
import { PlaySign } from "@/components/ui/play-button";
import { TrackCover } from "@/components/ui/track-cover";
import type { Track } from "@/lib/api/client";
import { coverUrl } from "@/lib/cover-url";
import { clock, tempo } from "@/lib/format";
import { trackHref } from "@/lib/music";
import { usePlayer } from "@/stores/player";

/** A track as a record on the shelf; what is given as children stands below its name. */
export function TrackTile({
  track,
  onPlay,
  marked = false,
  onMark,
  children,
}: {
  track: Track;
  onPlay: () => void;
  marked?: boolean;
  /** Given while tracks are being chosen. */
  onMark?: () => void;
  children?: ReactNode;
}) {
  const t = useTranslations("library");
  const isOn = usePlayer((player) => player.queue[player.index]?.id === track.id);
  const playing = usePlayer((player) => player.playing) && isOn;
  return (
    <li className="group min-w-0 [contain-intrinsic-size:auto_260px] [content-visibility:auto]">
      <div
        className={`relative overflow-hidden rounded-lg ${marked ? "outline-2 outline-offset-2 outline-coral" : ""}`}
      >
        <Link prefetch={false} href={trackHref(track.id)} aria-label={track.title} tabIndex={-1}>
          <TrackCover
            seed={track.id}
            src={coverUrl(track)}
            sizes="(min-width: 1024px) 208px, (min-width: 640px) 30vw, 46vw"
            className="aspect-square w-full transition duration-300 group-hover:scale-[1.03]"
          />
        </Link>
        {onMark && (
          <label className="absolute left-2 top-2 grid size-9 touch:size-11 place-items-center rounded-lg bg-black/55">
            <span className="sr-only">{t("mark", { title: track.title })}</span>
            <input type="checkbox" checked={marked} onChange={onMark} className="size-4 accent-[var(--coral)]" />
          </label>
        )}
        <button
          type="button"
          onClick={onPlay}
          aria-label={playing ? t("pause", { title: track.title }) : t("play", { title: track.title })}
          className={`making absolute bottom-3 right-3 grid size-12 place-items-center rounded-full text-on-accent shadow-float transition focus-visible:translate-y-0 focus-visible:opacity-100 group-hover:translate-y-0 group-hover:opacity-100 ${
            isOn ? "" : "opacity-0 [@media(hover:hover)]:translate-y-2 [@media(hover:none)]:opacity-100"
          }`}
        >
          <PlaySign playing={playing} />
        </button>
      </div>
      <Link
        prefetch={false}
        href={trackHref(track.id)}
        className={`mt-2.5 line-clamp-2 font-semibold leading-snug hover:underline touch:min-h-6 ${isOn ? "text-accent" : ""}`}
      >
        {track.title}
      </Link>
      {children}
      <p className="tabular mt-0.5 text-sm text-muted">
        {[clock(track.duration), track.bpm && `${tempo(track.bpm)} bpm`].filter(Boolean).join(" · ")}
      </p>
    </li>
  );
}
