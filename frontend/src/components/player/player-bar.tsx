"use client";

import Link from "next/link";
import { ListMusic, SkipBack, SkipForward, Volume1, Volume2, VolumeX } from "lucide-react";
import { lazy, Suspense, useEffect } from "react";
import { toast } from "sonner";
import { useTranslations } from "use-intl";
import { Modes } from "./modes";
import { useMediaSession } from "./use-media-session";
import { usePeaks } from "./use-peaks";
import { IconButton } from "@/components/ui/button";
import { PlayButton } from "@/components/ui/play-button";
import { Slider } from "@/components/ui/slider";
import { TrackCover } from "@/components/ui/track-cover";
import { Waveform } from "@/components/ui/waveform";
import { engine } from "@/lib/audio/player-engine";
import { clock } from "@/lib/format";
import { useFrame } from "@/stores/frame";
import { keepQueue, usePlayer } from "@/stores/player";

const Queue = lazy(() => import("./queue"));

/** What is on, on every page; nothing while nothing was put on. */
export function PlayerBar() {
  const t = useTranslations("player");
  const player = usePlayer();
  const item = player.current();
  const { peaks, made } = usePeaks(item, 240);
  const { queueOpen, toggleQueue } = useFrame();
  useMediaSession();
  useEffect(keepQueue, []);
  const lost = player.lost;
  useEffect(() => {
    if (lost) toast(t("gone", { title: lost.title }));
  }, [lost, t]);
  if (!item) return null;
  const position = player.duration ? player.time / player.duration : 0;
  const Volume = player.muted || player.volume === 0 ? VolumeX : player.volume < 0.5 ? Volume1 : Volume2;
  return (
    <section aria-label={t("player")} className="appear relative border-t border-line bg-surface">
      <Suspense>{queueOpen && <Queue />}</Suspense>
      <div className="mx-auto flex h-[68px] max-w-[1440px] items-center gap-2 px-3 md:h-[76px] md:gap-4 md:px-6">
        <div className="flex items-center">
          <IconButton label={t("previous")} className="max-md:hidden" onClick={player.previous}>
            <SkipBack size={19} fill="currentColor" />
          </IconButton>
          <PlayButton
            label={player.playing ? t("pause") : t("play")}
            playing={player.playing}
            waiting={player.waiting}
            onClick={() => player.toggle()}
          />
          <IconButton label={t("next")} onClick={() => player.next()} className="max-sm:hidden">
            <SkipForward size={19} fill="currentColor" />
          </IconButton>
        </div>
        <TrackCover seed={item.id} src={item.cover} sizes="44px" className="size-11 shrink-0" />
        <div className="min-w-0 flex-1 md:w-40 md:flex-none lg:w-56">
          {item.href ? (
            <Link href={item.href} className="block truncate font-semibold hover:underline">
              {item.title}
            </Link>
          ) : (
            <div className="truncate font-semibold">{item.title}</div>
          )}
          <div className="truncate text-[13px] text-muted">
            {player.failed ? (
              <span role="alert" className="flex gap-2">
                <span className="truncate text-bad">{t("failed")}</span>
                <button
                  type="button"
                  onClick={player.retry}
                  className="shrink-0 underline underline-offset-2 hover:text-ink"
                >
                  {t("retry")}
                </button>
              </span>
            ) : item.live ? (
              t("beingMade")
            ) : (
              item.artist
            )}
          </div>
        </div>
        <Waveform
          peaks={peaks}
          made={made}
          position={position}
          readPosition={() => engine.time / (player.duration || 1)}
          moving={player.playing}
          duration={player.duration}
          onSeek={player.seek}
          label={t("position")}
          barWidth={2}
          gap={2}
          className="hidden h-10 min-w-0 flex-1 md:block"
        />
        <div className="tabular text-[13px] text-muted max-sm:hidden">
          <span className="text-ink">{clock(player.time)}</span> / {clock(player.duration)}
        </div>
        <div className="flex items-center">
          <Modes className="max-lg:hidden" />
          <IconButton label={t("queue")} pressed={queueOpen} aria-expanded={queueOpen} onClick={toggleQueue}>
            <ListMusic size={19} />
          </IconButton>
          <div className="flex items-center max-lg:hidden">
            <IconButton label={player.muted ? t("unmute") : t("mute")} onClick={player.toggleMute}>
              <Volume size={19} />
            </IconButton>
            <Slider
              min={0}
              max={1}
              step={0.01}
              value={player.muted ? 0 : player.volume}
              onValue={player.setVolume}
              aria-label={t("volume")}
              className="w-24"
            />
          </div>
        </div>
      </div>
      <Slider
        min={0}
        max={Math.max(1, player.duration)}
        step={0.1}
        value={Math.min(player.time, player.duration)}
        onValue={player.seek}
        aria-label={t("position")}
        className="slider-edge absolute inset-x-0 -top-3.5 h-7! w-full md:hidden"
      />
    </section>
  );
}
