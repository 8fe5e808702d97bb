"use client";

import Link from "next/link";
import { useFormatter, useTranslations } from "use-intl";
import type { Track } from "@/lib/api/client";
import { clock, loudness, signed, tempo } from "@/lib/format";
import { trackHref, useTrack } from "@/lib/music";
import { readUnderstood } from "@/lib/understood";
import { useKeyText } from "@/lib/use-key-text";
import { useComposerWords } from "@/lib/use-composer-words";

/** Everything that is known of a track, down to what it takes to make it again. */
export function Facts({ track }: { track: Track }) {
  const t = useTranslations("track");
  const composer = useComposerWords();
  const keyText = useKeyText();
  const format = useFormatter();
  const parent = useTrack(track.parent_id ?? undefined);
  const about = track.spec ? readUnderstood(track.spec) : null;
  const rows: [string, React.ReactNode][] = [
    [t("facts.length"), clock(track.duration)],
    [t("facts.tempo"), track.bpm ? `${tempo(track.bpm)} bpm` : null],
    [t("facts.key"), track.key ? keyText(track.key) : null],
    [
      t("facts.style"),
      about?.genre ? [composer.style(about.genre), composer.mood(about.mood)].filter(Boolean).join(", ") : null,
    ],
    [t("facts.lineup"), about?.instruments.length ? about.instruments.map(composer.instrument).join(", ") : null],
    [t("facts.loudness"), loudness(track.loudness_lufs)],
    [t("facts.peak"), `${signed(track.true_peak_dbtp)} dBTP`],
    [t("facts.sound"), `${track.sample_rate / 1000} kHz, ${track.channels === 1 ? t("mono") : t("stereo")}`],
    [t("facts.model"), `${track.model} · ${track.model_revision}`],
    [t("facts.seed"), track.seed],
    [
      t("facts.made"),
      format.dateTime(new Date(track.created_at), { dateStyle: "medium", timeStyle: "short", timeZone: undefined }),
    ],
    [
      t("facts.from"),
      parent.data && (
        <Link href={trackHref(parent.data.id)} className="text-accent underline underline-offset-4">
          {parent.data.title}
        </Link>
      ),
    ],
  ];
  return (
    <section aria-labelledby="facts">
      <h2 id="facts" className="text-xl">
        {t("about")}
      </h2>
      <dl className="tabular mt-4 grid gap-x-10 sm:grid-cols-2">
        {rows
          .filter(([, value]) => value !== null && value !== undefined && value !== "")
          .map(([name, value]) => (
            <div key={name} className="flex gap-4 border-t border-line py-2.5">
              <dt className="w-28 shrink-0 text-muted">{name}</dt>
              <dd className="min-w-0 break-words">{value}</dd>
            </div>
          ))}
      </dl>
    </section>
  );
}
