"use client";

import Link from "next/link";
import { Loader, RotateCcw, X } from "lucide-react";
import { memo } from "react";
import { useTranslations } from "use-intl";
import { TakeDetails } from "./take-details";
import { IconButton, buttonClass } from "@/components/ui/button";
import { PlaySign } from "@/components/ui/play-button";
import { Waveform } from "@/components/ui/waveform";
import { LIVE_BINS_PER_SECOND } from "@/lib/audio/live-peaks";
import { engine } from "@/lib/audio/player-engine";
import type { Job } from "@/lib/api/client";
import { ProblemError } from "@/lib/api/problem";
import { clock } from "@/lib/format";
import {
  isActive,
  playableTake,
  playableTrack,
  requestOf,
  trackHref,
  useCancel,
  useMake,
  useTrack,
  useWaveform,
} from "@/lib/music";
import { useProblemSentence } from "@/lib/use-problem-text";
import { useStageText } from "@/lib/use-stage-text";
import { useLivePeaks } from "@/stores/live-peaks";
import { usePlayer } from "@/stores/player";

/** One take: heard from its first second, seen growing, and kept in view when it is finished, failed or cancelled. */
export const TakeCard = memo(function TakeCard({
  job,
  artist,
  beside,
}: {
  job: Job;
  artist: string;
  /** Set where the take stands beside others of its kind: put on, it takes over from the one that sounds. */
  beside?: (id: string) => boolean;
}) {
  const t = useTranslations("take");
  const request = requestOf(job);
  const track = useTrack(job.result?.track_ids[0]);
  const live = useLivePeaks((state) => state.peaks[job.id]);
  const stored = useWaveform(track.data?.id, 400);
  const trackId = track.data?.id;
  // Only the card that is on follows the clock: the others need not be drawn four times a second.
  const isOn = usePlayer(({ queue, index }) => [job.id, trackId].includes(queue[index]?.id ?? ""));
  const playing = usePlayer((player) => player.playing) && isOn;
  const position = usePlayer((player) => (isOn && player.duration ? player.time / player.duration : 0));
  const player = usePlayer.getState();
  const cancel = useCancel();
  const make = useMake();
  const active = isActive(job);
  const broken = job.status === "failed" || job.status === "cancelled";
  const duration = track.data?.duration ?? request.duration ?? 30;
  const title = track.data?.title ?? request.title ?? request.prompt;
  const playable = track.data ? playableTrack(track.data) : playableTake(job, artist);
  const madeLive = live ? Math.min(1, live.length / LIVE_BINS_PER_SECOND / duration) : 0;
  const settled = stored.data ?? null;
  const gone = track.error instanceof ProblemError && track.error.status === 404;
  const canPlay = !broken && !gone && job.status !== "queued";

  return (
    <li
      className={`panel appear relative overflow-hidden p-4 transition md:p-5 ${isOn ? "border-line-strong" : ""} ${broken || gone ? "bg-transparent" : ""}`}
      aria-label={title}
    >
      <div className="flex items-start gap-4">
        <button
          type="button"
          disabled={!canPlay}
          aria-label={playing ? t("pause", { title }) : t("play", { title })}
          onClick={() => {
            const now = usePlayer.getState();
            const from = !isOn && now.playing && beside?.(now.current()?.id ?? "") ? now.time : 0;
            player.toggle(isOn ? undefined : playable);
            if (from > 0) player.seek(from);
          }}
          className={`grid size-12 shrink-0 place-items-center rounded-full transition md:size-14 ${
            isOn ? "making text-on-accent" : "bg-raised text-ink hover:bg-line"
          } disabled:opacity-40`}
        >
          {!playing && job.status === "queued" ? (
            <Loader size={20} className="animate-spin" />
          ) : (
            <PlaySign playing={playing} size={22} />
          )}
        </button>
        <div className="min-w-0 flex-1">
          <div className="flex items-start gap-3">
            <h3 className="line-clamp-2 min-w-0 flex-1 text-base leading-snug first-letter:uppercase">
              {trackId ? (
                <Link prefetch={false} href={trackHref(trackId)} className="hover:underline">
                  {title}
                </Link>
              ) : (
                title
              )}
            </h3>
            {active && (
              <IconButton
                label={t("cancel")}
                size="small"
                disabled={cancel.isPending || job.cancel_requested}
                onClick={() => cancel.mutate(job.id)}
              >
                <X size={17} />
              </IconButton>
            )}
            {broken && (
              <button
                type="button"
                className={buttonClass("quiet", "small", "max-sm:w-11 max-sm:px-0")}
                onClick={() => make.mutate({ request })}
              >
                <RotateCcw size={14} aria-hidden />
                <span className="max-sm:sr-only">{t("again")}</span>
              </button>
            )}
          </div>
          {gone && (
            <p className="mt-1 text-sm text-muted">
              {t.rich("gone", {
                trash: (words) => (
                  <Link prefetch={false} href="/trash/" className="text-accent underline underline-offset-4">
                    {words}
                  </Link>
                ),
              })}
            </p>
          )}
          {!broken && !gone && (
            <Waveform
              peaks={settled ?? live ?? null}
              made={settled ? 1 : madeLive}
              position={position}
              readPosition={() => engine.time / duration}
              moving={playing}
              duration={duration}
              label={t("seek", { title })}
              onSeek={
                canPlay
                  ? (seconds) => {
                      if (!isOn) player.play([playable]);
                      player.seek(seconds);
                    }
                  : undefined
              }
              className="mt-2 h-14 md:h-16"
            />
          )}
          {active && <Progress job={job} duration={duration} />}
          {broken && <Broken job={job} />}
        </div>
      </div>
      {track.data && <TakeDetails track={track.data} request={request} narrow={beside !== undefined} />}
      {active && (
        <div className="absolute inset-x-0 bottom-0 h-0.5 bg-line">
          <div
            className="making h-full transition-[width] duration-300"
            style={{ width: `${Math.max(2, job.progress * 100)}%` }}
          />
        </div>
      )}
    </li>
  );
});

function Progress({ job, duration }: { job: Job; duration: number }) {
  const t = useTranslations("take");
  const stageText = useStageText();
  const percent = Math.round(job.progress * 100);
  const words =
    job.status === "queued"
      ? job.queue_position
        ? t("inLine", { position: job.queue_position })
        : t("waiting")
      : [
          job.stage ? stageText(job.stage) : t("starting"),
          `${percent} %`,
          job.eta_seconds ? t("left", { seconds: Math.max(1, Math.ceil(job.eta_seconds)) }) : "",
        ]
          .filter(Boolean)
          .join(" · ");
  return (
    <div className="mt-2 flex items-center gap-3 text-sm text-muted">
      <span className="tabular first-letter:uppercase">{words}</span>
      <span className="tabular ml-auto text-faint">{clock(duration)}</span>
      <span
        className="sr-only"
        role="progressbar"
        aria-label={t("progress")}
        aria-valuenow={percent}
        aria-valuemin={0}
        aria-valuemax={100}
      />
    </div>
  );
}

function Broken({ job }: { job: Job }) {
  const t = useTranslations("take");
  const whyFailed = useProblemSentence();
  if (job.status === "cancelled") return <p className="mt-1 text-sm text-muted">{t("cancelled")}</p>;
  return (
    <p role="alert" className="mt-1 text-sm text-bad">
      {t("failed", { reason: whyFailed(job.error) })}
    </p>
  );
}
