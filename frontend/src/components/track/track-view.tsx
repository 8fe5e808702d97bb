"use client";

import Link from "next/link";
import { useRouter } from "next/navigation";
import { Pause, Play } from "lucide-react";
import { lazy, Suspense } from "react";
import { useTranslations } from "use-intl";
import { CommentPins } from "./comment-pins";
import { CoverEditor } from "./cover-editor";
import { Downloads } from "./downloads";
import { Facts } from "./facts";
import { LicenceCard } from "./licence-card";
import { MasterCard, MasteredCard } from "./master-card";
import { Stems } from "./stems";
import { SeparateCard } from "./separate-card";
import { ShareButton } from "./share-button";
import { useStemLayers } from "./use-stem-layers";
import { TitleEditor } from "./title-editor";
import { TagEditor } from "./tag-editor";
import { Versions } from "./versions";
import { Comments } from "@/components/community/comments";
import { LikeButton } from "@/components/community/like-button";
import { PublishButton } from "@/components/community/publish-button";
import { StemDots, TrackFacts } from "@/components/create/take-details";
import { TrackMenu } from "@/components/library/track-menu";
import { ButtonLink, buttonClass } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/states";
import { TrackCover } from "@/components/ui/track-cover";
import { Waveform } from "@/components/ui/waveform";
import type { Track } from "@/lib/api/client";
import { engine } from "@/lib/audio/player-engine";
import { personHref } from "@/lib/community";
import { useDeleteTracks } from "@/lib/change-tracks";
import { coverUrl } from "@/lib/cover-url";
import { playableTrack, useWaveform } from "@/lib/music";
import { usePlayer } from "@/stores/player";
import { useQuoted } from "@/lib/use-quoted";

const PianoRoll = lazy(async () => ({ default: (await import("./piano-roll")).PianoRoll }));

/** A track with everything that belongs to it. Somebody else's is heard, liked and talked about, not changed. */
export function TrackView({ track, me }: { track: Track; me: string }) {
  const t = useTranslations("track");
  const quoted = useQuoted();
  const cover = useTranslations("cover");
  const router = useRouter();
  const player = usePlayer();
  const waveform = useWaveform(track.id, 1000);
  const layers = useStemLayers(track);
  const remove = useDeleteTracks();
  const isOn = player.current()?.id === track.id;
  const playing = isOn && player.playing;
  const mine = track.owner.username === me;
  return (
    <article className="mx-auto w-full max-w-[1120px] px-4 pb-20 pt-8 md:px-6 md:pt-14">
      <div className="grid gap-6 md:grid-cols-[240px_1fr] md:gap-10">
        {mine ? (
          <CoverEditor track={track} className="w-full max-w-60 self-start max-md:max-w-40" />
        ) : (
          <TrackCover
            seed={track.id}
            src={coverUrl(track)}
            sizes="(min-width: 768px) 240px, 160px"
            alt={cover("of", { title: track.title })}
            className="aspect-square w-full max-w-60 self-start shadow-float max-md:max-w-40"
          />
        )}
        <div className="flex min-w-0 flex-col justify-end">
          {mine ? (
            <TitleEditor track={track} />
          ) : (
            <>
              <h1 className="line-clamp-3 break-words text-[clamp(28px,4.2vw,48px)] font-[680] leading-[1.05] tracking-[-0.035em]">
                {track.title}
              </h1>
              <Link
                prefetch={false}
                href={personHref(track.owner.username)}
                className="mt-2 font-semibold hover:underline"
              >
                {track.owner.username}
              </Link>
            </>
          )}
          <p className="mt-3 max-w-[70ch] text-muted">{quoted(track.prompt)}</p>
          <div className="mt-3 flex flex-wrap items-center gap-x-4 gap-y-2">
            <TrackFacts track={track} />
            <StemDots stems={track.stems} />
          </div>
          {mine && <TagEditor track={track} />}
          <div className="mt-6 flex flex-wrap items-center gap-2">
            <button
              type="button"
              onClick={() => player.toggle(isOn ? undefined : playableTrack(track))}
              className={buttonClass("primary", "large", "max-sm:px-4")}
            >
              {playing ? (
                <Pause size={18} fill="currentColor" aria-hidden />
              ) : (
                <Play size={18} fill="currentColor" aria-hidden />
              )}
              {playing ? t("pause") : t("play")}
            </button>
            <LikeButton track={track} className="h-12 border border-line px-4" />
            {mine && <PublishButton track={track} />}
            {mine && <ShareButton track={track} />}
            {mine && track.stems.length > 0 && (
              <ButtonLink size="large" className="max-sm:px-4" href={`/studio/?track=${track.id}`}>
                {t("openStudio")}
              </ButtonLink>
            )}
            <TrackMenu
              track={track}
              onDelete={
                mine
                  ? () => {
                      remove([track]);
                      router.push("/library/");
                    }
                  : undefined
              }
            />
          </div>
        </div>
      </div>
      <Waveform
        peaks={waveform.data ?? null}
        layers={layers}
        position={isOn && player.duration ? player.time / player.duration : 0}
        readPosition={() => engine.time / track.duration}
        moving={playing}
        duration={track.duration}
        label={t("position")}
        onSeek={(seconds) => {
          if (!isOn) player.play([playableTrack(track)]);
          player.seek(seconds);
        }}
        className="mt-10 h-24 md:h-32"
      />
      <CommentPins track={track} />
      <div className="mt-12 grid grid-cols-1 gap-x-12 gap-y-12 lg:grid-cols-[1fr_360px]">
        <div className="flex min-w-0 flex-col gap-12">
          {track.stems.length > 0 && <Stems track={track} />}
          {track.has_midi && (
            <Suspense fallback={<Skeleton className="h-72" />}>
              <PianoRoll track={track} />
            </Suspense>
          )}
          <Comments track={track} me={me} />
          <Versions track={track} me={me} />
          <Facts track={track} />
        </div>
        <aside aria-label={t("aside")} className="flex flex-col gap-4">
          <LicenceCard track={track} />
          <Downloads track={track} />
          {mine && track.stems.length === 0 && <SeparateCard track={track} />}
          {mine && (track.model === "mastering" ? <MasteredCard track={track} /> : <MasterCard track={track} />)}
        </aside>
      </div>
    </article>
  );
}
