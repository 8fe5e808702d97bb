"use client";

import Link from "next/link";
import { Download, Layers2, RefreshCw, SlidersVertical } from "lucide-react";
import { useState } from "react";
import { useTranslations } from "use-intl";
import { Understood } from "./understood";
import { buttonClass } from "@/components/ui/button";
import type { GenerateRequest, Track } from "@/lib/api/client";
import { clock, loudness, tempo } from "@/lib/format";
import { audioUrl, trackHref, useMake } from "@/lib/music";
import { useProblemText } from "@/lib/use-problem-text";
import { useStemName } from "@/lib/use-stem-name";
import { inMixerOrder, stemVariable } from "@/lib/stems";
import { useKeyText } from "@/lib/use-key-text";

/** The model whose songs can be varied: it knows their form and harmony. */
const COMPOSER = "composer";
const VARIATIONS = 2;

/** What a finished take is, in numbers with units, and where one can go with it. */
export function TakeDetails({
  track,
  request,
  narrow = false,
}: {
  track: Track;
  request: GenerateRequest;
  narrow?: boolean;
}) {
  const t = useTranslations("take");
  const [open, setOpen] = useState(false);
  const make = useMake();
  const text = useProblemText();
  return (
    <div className={`mt-3 ${narrow ? "" : "md:pl-[72px]"}`}>
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
        <TrackFacts track={track} />
        <StemDots stems={track.stems} />
        <div className="ml-auto flex flex-wrap gap-1 max-sm:grid max-sm:w-full max-sm:grid-cols-2 max-sm:*:border max-sm:*:border-line max-sm:*:px-2">
          {track.spec && (
            <button
              type="button"
              aria-expanded={open}
              onClick={() => setOpen(!open)}
              className={buttonClass("plain", "small")}
            >
              <RefreshCw size={14} aria-hidden />
              {t("change")}
            </button>
          )}
          {track.model === COMPOSER && (
            <button
              type="button"
              disabled={make.isPending}
              onClick={() => make.mutate({ request: { variation_of: track.id }, count: VARIATIONS })}
              className={buttonClass("plain", "small")}
            >
              <Layers2 size={14} aria-hidden />
              {t("vary")}
            </button>
          )}
          {track.stems.length > 0 && (
            <Link prefetch={false} href={`/studio/?track=${track.id}`} className={buttonClass("plain", "small")}>
              <SlidersVertical size={14} aria-hidden />
              {t("openInStudio")}
            </Link>
          )}
          <a href={audioUrl(track.id, "wav", true)} download className={buttonClass("plain", "small")}>
            <Download size={14} aria-hidden />
            WAV
          </a>
          <Link prefetch={false} href={trackHref(track.id)} className={buttonClass("quiet", "small", "max-sm:hidden")}>
            {t("details")}
          </Link>
        </div>
      </div>
      {make.error && (
        <p role="alert" className="mt-2 text-sm text-bad">
          {text(make.error)}
        </p>
      )}
      {open && track.spec && <Understood track={track} request={request} />}
    </div>
  );
}

/** Length, tempo, key and loudness in one line. */
export function TrackFacts({ track }: { track: Track }) {
  const keyText = useKeyText();
  return (
    <p className="tabular flex flex-wrap gap-x-3 text-sm text-muted">
      <span>{clock(track.duration)}</span>
      {track.bpm && <span>{tempo(track.bpm)} bpm</span>}
      {track.key && <span>{keyText(track.key)}</span>}
      <span>{loudness(track.loudness_lufs)}</span>
    </p>
  );
}

/** The stems as their colours, with their names for those who do not see them. */
export function StemDots({ stems }: { stems: string[] }) {
  const t = useTranslations("take");
  const nameOf = useStemName();
  if (!stems.length) return null;
  const names = inMixerOrder(stems).map(nameOf);
  return (
    <span
      className="flex items-center gap-1"
      role="img"
      aria-label={t("stems", { stems: names.join(", ") })}
      title={names.join(" · ")}
    >
      {inMixerOrder(stems).map((stem) => (
        <span key={stem} className="size-2 rounded-full" style={{ background: stemVariable(stem) }} />
      ))}
    </span>
  );
}
