"use client";

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Download, LockKeyhole, Pause, Play } from "lucide-react";
import { useCallback, useEffect, useState, type FormEvent } from "react";
import { useFormatter, useTranslations } from "use-intl";
import { useMailToken } from "@/components/account/mail-token";
import { Button, ButtonLink, buttonClass } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { Empty, Failed, Skeleton } from "@/components/ui/states";
import { TrackCover } from "@/components/ui/track-cover";
import { Waveform } from "@/components/ui/waveform";
import { answer, api } from "@/lib/api/client";
import { ProblemError } from "@/lib/api/problem";
import { peaksOfWaveform, resamplePeaks } from "@/lib/audio/peaks";
import { engine } from "@/lib/audio/player-engine";
import { clock, tempo } from "@/lib/format";
import { keys } from "@/lib/music";
import { shareIdOf, useShared, withValue, type SharedTrack } from "@/lib/sharing";
import { useProblemText } from "@/lib/use-problem-text";
import { usePlayer } from "@/stores/player";
import { useKeyText } from "@/lib/use-key-text";
import { useComposerWords } from "@/lib/use-composer-words";

const POINTS = 1000;
/** What the player's own picture asks for. */
const PLAYER_POINTS = 240;
const FORMATS = ["mp3", "flac", "wav"] as const;

/** Where a link leads: `/shared/#token=…`. Nobody has to be signed in. */
export function SharedPage() {
  const token = useMailToken();
  if (token === null) return <Waiting />;
  return <Opened key={token} token={token} />;
}

function Waiting() {
  return (
    <div aria-busy className="mx-auto w-full max-w-[860px] px-4 pt-12 md:px-6">
      <Skeleton className="h-72" />
    </div>
  );
}

function Opened({ token }: { token: string }) {
  const t = useTranslations("share");
  const [password, setPassword] = useState<string | null>(null);
  const shared = useShared(token, password);
  const { error } = shared;
  const status = error instanceof ProblemError ? error.status : 0;
  const home = <ButtonLink href="/">{t("home")}</ButtonLink>;
  if (!token)
    return (
      <Empty title={t("brokenTitle")} action={home}>
        {t("brokenText")}
      </Empty>
    );
  if (status === 404)
    return (
      <Empty title={t("goneTitle")} action={home}>
        {t("goneText")}
      </Empty>
    );
  const asked = error instanceof ProblemError && error.field("/password") !== undefined;
  if (asked || password !== null)
    if (!shared.data)
      return (
        <Ask
          busy={shared.isPending}
          failure={password === null ? null : error}
          onTry={(given) => (given === password ? void shared.refetch() : setPassword(given))}
        />
      );
  if (error) return <Failed alone failure={error} retry={() => void shared.refetch()} />;
  if (!shared.data) return <Waiting />;
  return <Shown track={shared.data} />;
}

/** The password that a link asks for. */
function Ask({ busy, failure, onTry }: { busy: boolean; failure: Error | null; onTry: (password: string) => void }) {
  const t = useTranslations("share");
  const text = useProblemText();
  const problem = failure instanceof ProblemError ? failure : null;
  const wrong =
    failure && !busy
      ? problem?.field("/password") !== undefined
        ? t("wrong")
        : problem?.status === 429
          ? t("tooMany", { minutes: Math.ceil((problem.retryAfterSeconds ?? 60) / 60) })
          : text(failure)
      : undefined;
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    onTry(String(new FormData(event.currentTarget).get("password")));
  };
  return (
    <div className="mx-auto w-full max-w-[420px] px-4 py-20 md:px-6">
      <LockKeyhole size={28} aria-hidden className="text-faint" />
      <h1 className="mt-4 text-3xl">{t("askTitle")}</h1>
      <p className="mt-2 text-muted">{t("askText")}</p>
      <form onSubmit={submit} className="mt-6 flex flex-col gap-4">
        <Field
          label={t("askLabel")}
          name="password"
          type="password"
          autoComplete="off"
          maxLength={256}
          required
          autoFocus
          wrong={wrong}
        />
        <Button type="submit" look="primary" disabled={busy}>
          {t("askGo")}
        </Button>
      </form>
    </div>
  );
}

function Shown({ track }: { track: SharedTrack }) {
  const t = useTranslations("share");
  const cover = useTranslations("cover");
  const format = useFormatter();
  const queries = useQueryClient();
  const keyText = useKeyText();
  const composer = useComposerWords();
  const player = usePlayer();
  const audio = track.links.audio ?? "";
  const share = shareIdOf(audio);
  const waveform = useQuery({
    queryKey: ["shared", share, "waveform"],
    staleTime: Infinity,
    retry: 1,
    queryFn: async () => {
      const signed = new URLSearchParams((track.links.waveform ?? "").split("?")[1]);
      return peaksOfWaveform(
        await answer(
          api.GET("/api/v1/shared/{share_id}/waveform", {
            params: {
              path: { share_id: share },
              query: {
                expires: signed.get("expires") ?? "",
                signature: signed.get("signature") ?? "",
                points: POINTS,
              },
            },
          }),
        ),
      );
    },
  });
  const isOn = player.current()?.id === share;
  const playing = isOn && player.playing;
  const playable = {
    id: share,
    title: track.title,
    artist: track.by,
    src: withValue(audio, "format", "mp3"),
    duration: track.duration,
    cover: track.links.cover,
  };
  const peaks = waveform.data;
  const layPicture = useCallback(() => {
    // The player draws what is on by its id; a link has no track's id to ask by, so its picture is laid ready.
    if (peaks) queries.setQueryData(keys.waveform(share, PLAYER_POINTS), resamplePeaks(peaks, PLAYER_POINTS));
  }, [queries, share, peaks]);
  useEffect(layPicture, [layPicture]);
  const facts = [
    clock(track.duration),
    track.bpm ? `${tempo(track.bpm)} bpm` : "",
    track.key ? keyText(track.key) : "",
  ];
  return (
    <article className="mx-auto w-full max-w-[860px] px-4 pb-20 pt-8 md:px-6 md:pt-14">
      <div className="grid gap-6 md:grid-cols-[240px_1fr] md:gap-10">
        <TrackCover
          seed={share}
          src={track.links.cover}
          sizes="(min-width: 768px) 240px, 160px"
          alt={cover("of", { title: track.title })}
          className="aspect-square w-full max-w-60 shadow-float max-md:max-w-40"
        />
        <div className="flex min-w-0 flex-col justify-end">
          <h1 className="line-clamp-3 break-words text-[clamp(28px,4.2vw,48px)] font-[680] leading-[1.05] tracking-[-0.035em]">
            {track.title}
          </h1>
          <p className="mt-2 font-semibold">{t("by", { name: track.by })}</p>
          <p className="tabular mt-1 text-sm text-muted">{facts.filter(Boolean).join(" · ")}</p>
          <div className="mt-6">
            <button
              type="button"
              onClick={() => {
                layPicture();
                player.toggle(isOn ? undefined : playable);
              }}
              className={buttonClass("primary", "large")}
            >
              {playing ? (
                <Pause size={18} fill="currentColor" aria-hidden />
              ) : (
                <Play size={18} fill="currentColor" aria-hidden />
              )}
              {playing ? t("pause") : t("play")}
            </button>
          </div>
        </div>
      </div>
      <Waveform
        peaks={peaks ?? null}
        position={isOn && player.duration ? player.time / player.duration : 0}
        readPosition={() => engine.time / track.duration}
        moving={playing}
        duration={track.duration}
        label={t("position")}
        onSeek={(seconds) => {
          if (!isOn) {
            layPicture();
            player.play([playable]);
          }
          player.seek(seconds);
        }}
        className="mt-10 h-24 md:h-32"
      />
      <div className="mt-10 grid gap-4 md:grid-cols-2">
        <section aria-labelledby="shared-licence" className="panel p-5">
          <h2 id="shared-licence" className="text-sm font-semibold text-muted">
            {t("licence")}
          </h2>
          <p className="mt-2">{composer.licence(track.licence.name)}</p>
          {track.licence.attributions.length > 0 && (
            <details className="mt-3 text-sm">
              <summary className="py-1 font-medium touch:py-3 text-muted hover:text-ink">{t("credits")}</summary>
              <ul className="mt-2 flex flex-col gap-1.5 text-faint">
                {track.licence.attributions.map((line) => (
                  <li key={line}>{line}</li>
                ))}
              </ul>
            </details>
          )}
        </section>
        <section aria-labelledby="shared-files" className="panel p-5">
          <h2 id="shared-files" className="text-sm font-semibold text-muted">
            {t("downloads")}
          </h2>
          <ul className="mt-3 flex flex-wrap gap-2">
            {FORMATS.map((name) => (
              <li key={name}>
                <a
                  href={withValue(withValue(audio, "format", name), "download", true)}
                  download
                  className={buttonClass("quiet", "small")}
                >
                  <Download size={14} aria-hidden />
                  {name.toUpperCase()}
                </a>
              </li>
            ))}
          </ul>
        </section>
      </div>
      <p className="mt-8 flex flex-wrap items-center gap-x-6 gap-y-3 text-sm text-muted">
        {track.expires_at &&
          t("linkUntil", {
            when: format.dateTime(new Date(track.expires_at), { dateStyle: "long", timeZone: undefined }),
          })}
        <ButtonLink href="/" size="small">
          {t("makeOwn")}
        </ButtonLink>
      </p>
    </article>
  );
}
