"use client";

import Link from "next/link";
import { useTranslations } from "use-intl";
import { TrackMenu } from "./track-menu";
import { StemDots } from "@/components/create/take-details";
import { CoverButton } from "@/components/ui/cover-button";
import type { Track } from "@/lib/api/client";
import { coverUrl } from "@/lib/cover-url";
import { clock, tempo } from "@/lib/format";
import { trackHref } from "@/lib/music";
import { usePlayer } from "@/stores/player";
import { useKeyText } from "@/lib/use-key-text";

/** A track as a line of the list. */
export function TrackRow({
  track,
  onPlay,
  marked,
  onMark,
  choosing,
  onDelete,
}: {
  track: Track;
  onPlay: () => void;
  marked: boolean;
  onMark: () => void;
  /** Whether the boxes stand there for everybody, and not only where a mouse is. */
  choosing: boolean;
  onDelete: () => void;
}) {
  const t = useTranslations("library");
  const keyText = useKeyText();
  const isOn = usePlayer((player) => player.queue[player.index]?.id === track.id);
  const playing = usePlayer((player) => player.playing) && isOn;
  return (
    <li
      className={`group flex items-center gap-3 rounded-lg px-2 py-2 transition [contain-intrinsic-size:auto_72px] [content-visibility:auto] hover:bg-surface md:gap-4 ${marked ? "bg-surface" : ""}`}
    >
      <label className={`grid size-8 touch:size-11 shrink-0 place-items-center ${choosing ? "" : "touch:hidden"}`}>
        <span className="sr-only">{t("mark", { title: track.title })}</span>
        <input
          type="checkbox"
          checked={marked}
          onChange={onMark}
          className={`size-4 accent-[var(--coral)] transition focus-visible:opacity-100 group-hover:opacity-100 ${marked || choosing ? "" : "opacity-0"}`}
        />
      </label>
      <CoverButton
        seed={track.id}
        src={coverUrl(track)}
        label={playing ? t("pause", { title: track.title }) : t("play", { title: track.title })}
        isOn={isOn}
        playing={playing}
        onPress={onPlay}
        className="size-14"
      />
      <div className="relative min-w-0 flex-1">
        <Link
          prefetch={false}
          href={trackHref(track.id)}
          className={`line-clamp-2 font-semibold leading-snug hover:underline touch:min-h-6 touch:after:absolute touch:after:inset-0 lg:line-clamp-1 ${isOn ? "text-accent" : ""}`}
        >
          {track.title}
        </Link>
        <p className="truncate text-sm text-muted">
          <span className="tabular sm:hidden">{clock(track.duration)} · </span>
          {track.tags.slice(0, 3).join(" · ") || track.prompt}
        </p>
      </div>
      <div className="max-lg:hidden">
        <StemDots stems={track.stems} />
      </div>
      <p className="tabular w-40 text-sm text-muted max-md:hidden">
        {[track.bpm && `${tempo(track.bpm)} bpm`, track.key && keyText(track.key)].filter(Boolean).join(" · ")}
      </p>
      <p className="tabular w-12 text-right text-sm text-muted max-sm:hidden">{clock(track.duration)}</p>
      <div className={choosing ? "max-md:hidden" : "contents"}>
        <TrackMenu track={track} onDelete={onDelete} />
      </div>
    </li>
  );
}
