"use client";

import { Pause, Play } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useTranslations } from "use-intl";
import type { Track } from "@/lib/api/client";
import { loudness } from "@/lib/format";
import { audioUrl } from "@/lib/music";
import { usePlayer } from "@/stores/player";

/** Gains (factors) that bring two recordings to the quieter one's loudness. */
export function levelled(beforeLufs: number, afterLufs: number): [number, number] {
  const quieter = Math.min(beforeLufs, afterLufs);
  return [10 ** ((quieter - beforeLufs) / 20), 10 ** ((quieter - afterLufs) / 20)];
}

/** Before and after in step, at equal loudness: louder alone must not win. */
export function CompareMasters({ before, after }: { before: Track; after: Track }) {
  const t = useTranslations("master");
  const players = useRef<[HTMLAudioElement, HTMLAudioElement] | null>(null);
  const [side, setSide] = useState<0 | 1>(1);
  const [playing, setPlaying] = useState(false);

  useEffect(() => {
    const pair = [new Audio(audioUrl(before.id)), new Audio(audioUrl(after.id))] as [
      HTMLAudioElement,
      HTMLAudioElement,
    ];
    const gains = levelled(before.loudness_lufs, after.loudness_lufs);
    pair.forEach((player, at) => {
      player.preload = "auto";
      player.volume = gains[at]!;
      player.onended = () => setPlaying(false);
    });
    players.current = pair;
    return () => {
      for (const player of pair) player.pause();
    };
  }, [before, after]);

  useEffect(() => {
    const pair = players.current;
    if (!pair) return;
    pair.forEach((player, at) => (player.muted = at !== side));
    // The two may drift by a buffer; the one that comes in follows the one that was heard.
    const drift = pair[side].currentTime - pair[1 - side]!.currentTime;
    if (Math.abs(drift) > 0.03) pair[side].currentTime = pair[1 - side]!.currentTime;
  }, [side]);

  const toggle = () => {
    const pair = players.current;
    if (!pair) return;
    if (playing) for (const player of pair) player.pause();
    else {
      if (usePlayer.getState().playing) usePlayer.getState().toggle();
      pair.forEach((player, at) => {
        player.muted = at !== side;
        void player.play();
      });
    }
    setPlaying(!playing);
  };

  return (
    <div className="flex items-center gap-3">
      <button
        type="button"
        onClick={toggle}
        aria-label={playing ? t("pause") : t("compare")}
        className="making grid size-11 place-items-center rounded-full text-on-accent"
      >
        {playing ? (
          <Pause size={18} fill="currentColor" />
        ) : (
          <Play size={18} fill="currentColor" className="translate-x-px" />
        )}
      </button>
      <div
        role="group"
        aria-label={t("compare")}
        className="grid flex-1 grid-cols-2 rounded-lg border border-line p-0.5"
      >
        {([0, 1] as const).map((at) => (
          <button
            key={at}
            type="button"
            aria-pressed={side === at}
            onClick={() => setSide(at)}
            className={`tabular rounded-md px-2 py-1.5 text-sm font-semibold transition ${side === at ? "bg-raised text-ink" : "text-muted"}`}
          >
            {at === 0 ? t("before") : t("after")}
            <span className="block text-xs font-normal text-faint">
              {loudness((at === 0 ? before : after).loudness_lufs)}
            </span>
          </button>
        ))}
      </div>
    </div>
  );
}
