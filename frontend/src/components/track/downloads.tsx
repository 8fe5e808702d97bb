"use client";

import { Download } from "lucide-react";
import { useTranslations } from "use-intl";
import type { Track } from "@/lib/api/client";
import { audioUrl, midiUrl } from "@/lib/music";

const FORMATS = ["wav", "flac", "mp3", "ogg", "opus"] as const;

/** The track as a file, in every format that there is. */
export function Downloads({ track }: { track: Track }) {
  const t = useTranslations("track");
  const line = "flex h-10 touch:h-11 items-center gap-3 rounded-md px-2 transition hover:bg-raised";
  return (
    <section aria-labelledby="downloads" className="panel p-5">
      <h2 id="downloads" className="text-sm font-semibold text-muted">
        {t("downloads")}
      </h2>
      <ul className="-mx-2 mt-2">
        {FORMATS.map((format) => (
          <li key={format}>
            <a href={audioUrl(track.id, format, true)} download className={line}>
              <Download size={16} aria-hidden className="text-faint" />
              <span className="w-14 font-semibold">{format.toUpperCase()}</span>
              <span className="text-sm text-faint">{t(`formats.${format}`)}</span>
            </a>
          </li>
        ))}
        {track.has_midi && (
          <li>
            <a href={midiUrl(track.id)} download className={line}>
              <Download size={16} aria-hidden className="text-faint" />
              <span className="w-14 font-semibold">MIDI</span>
              <span className="text-sm text-faint">{t("formats.midi")}</span>
            </a>
          </li>
        )}
      </ul>
    </section>
  );
}
