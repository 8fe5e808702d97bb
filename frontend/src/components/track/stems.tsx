"use client";

import { Download } from "lucide-react";
import { useTranslations } from "use-intl";
import { PlaySign } from "@/components/ui/play-button";
import type { Track } from "@/lib/api/client";
import { stemUrl } from "@/lib/music";
import { useStemName } from "@/lib/use-stem-name";
import { inMixerOrder, stemVariable } from "@/lib/stems";
import { usePlayer } from "@/stores/player";

/** The parts of a track, each to be heard alone and taken away. */
export function Stems({ track }: { track: Track }) {
  const t = useTranslations("track");
  const player = usePlayer();
  const nameOf = useStemName();
  const names = inMixerOrder(track.stems);
  const playables = names.map((stem) => ({
    id: `${track.id}:${stem}`,
    title: `${track.title} · ${nameOf(stem)}`,
    artist: track.owner.username,
    src: stemUrl(track.id, stem, "mp3"),
    duration: track.duration,
    href: `/track/?id=${track.id}`,
  }));
  return (
    <section aria-labelledby="stems">
      <h2 id="stems" className="text-xl">
        {t("stems")}
      </h2>
      <ul className="mt-4 flex flex-col">
        {names.map((stem, at) => {
          const isOn = player.current()?.id === playables[at]!.id;
          const playing = isOn && player.playing;
          return (
            <li key={stem} className="flex items-center gap-3 border-t border-line py-2.5 last:border-b">
              <button
                type="button"
                onClick={() => (isOn ? player.toggle() : player.play(playables, at))}
                aria-label={playing ? t("pauseStem", { stem: nameOf(stem) }) : t("playStem", { stem: nameOf(stem) })}
                className="grid size-10 touch:size-11 place-items-center rounded-full text-white transition hover:brightness-110"
                style={{ background: `color-mix(in oklab, ${stemVariable(stem)} 78%, black)` }}
              >
                <PlaySign playing={playing} size={17} />
              </button>
              <span className="flex-1 font-medium capitalize">{nameOf(stem)}</span>
              {(["wav", "flac", "mp3"] as const).map((format) => (
                <a
                  key={format}
                  href={stemUrl(track.id, stem, format, true)}
                  download
                  aria-label={t("downloadStem", { stem: nameOf(stem), format: format.toUpperCase() })}
                  className={`flex h-8 touch:h-11 items-center gap-1.5 rounded-md px-2 text-[13px] font-medium text-muted transition hover:bg-raised hover:text-ink ${format === "wav" ? "" : "max-sm:hidden"}`}
                >
                  {format === "wav" && <Download size={14} aria-hidden />}
                  {format.toUpperCase()}
                </a>
              ))}
            </li>
          );
        })}
      </ul>
    </section>
  );
}
