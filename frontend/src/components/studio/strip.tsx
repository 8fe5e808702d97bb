"use client";

import { useTranslations } from "use-intl";
import { Spline } from "lucide-react";
import { Meter } from "./meter";
import { BUS_HEIGHT, LANE_HEIGHT } from "./rows";
import { Slider } from "@/components/ui/slider";
import type { Multitrack } from "@/lib/audio/multitrack";
import {
  HIGHEST_GAIN_DB,
  isChannel,
  laneOf,
  LOWEST_GAIN_DB,
  type Bus,
  type Channel,
  type Master,
  type Strip as AnyStrip,
} from "@/lib/audio/session";
import { signed } from "@/lib/format";
import { useStemName } from "@/lib/use-stem-name";
import { stemVariable } from "@/lib/stems";
import { editRoute, editStrip, useStudio } from "@/stores/studio";

/** Which colour a strip has everywhere; buses and the master share the one of "other". */
export function stripColour(strip: AnyStrip | Channel): string {
  // A part that was separated is a whole track, called what it is.
  return stemVariable("stem" in strip ? strip.stem || strip.name : "other");
}

/** What a strip is called: stems in the language of the page, everything else as it was named. */
export function useStripName(): (strip: AnyStrip | Channel) => string {
  const t = useTranslations("studio");
  const nameOf = useStemName();
  return (strip) => {
    if ("ceilingDbtp" in strip) return t("master");
    return "stem" in strip ? nameOf(strip.stem || strip.name) : strip.name;
  };
}

/** A level as the fader shows it. */
export function gainText(gainDb: number): string {
  return `${signed(gainDb <= LOWEST_GAIN_DB ? -Infinity : gainDb)} dB`;
}

/** Pan in words: centre, 30 left, 100 right. */
export function usePanText(): (pan: number) => string {
  const t = useTranslations("studio");
  return (pan) => {
    const amount = Math.round(Math.abs(pan) * 100);
    if (!amount) return t("centre");
    return pan < 0 ? t("left", { amount }) : t("right", { amount });
  };
}

/** A strip's head: name, mute, solo, automation, fader, meter. */
export function Strip({
  strip,
  engine,
  selected,
  audible,
  onLanes,
}: {
  strip: Channel | Bus | Master;
  engine: Multitrack | null;
  selected: boolean;
  audible: boolean;
  /** Show the strip's automation, or hide it. */
  onLanes: () => void;
}) {
  const t = useTranslations("studio");
  const select = useStudio((studio) => studio.select);
  const lanesShown = useStudio((studio) => Boolean(studio.shown[strip.id]?.length));
  const name = useStripName()(strip);
  const moves = Boolean(laneOf(strip, "gain_db"));
  const button = "grid size-7 place-items-center rounded-md border text-xs font-bold transition";
  const off = "border-line text-muted hover:border-line-strong";
  return (
    <li
      className={`relative flex gap-2 border-b border-line py-2 pl-3 pr-2 transition ${selected ? "bg-surface" : ""}`}
      style={{
        height: isChannel(strip) ? LANE_HEIGHT : BUS_HEIGHT,
        boxShadow: `inset 4px 0 0 ${stripColour(strip)}`,
      }}
    >
      <div className="flex min-w-0 flex-1 flex-col justify-between">
        <div className="flex items-center gap-1 max-md:flex-wrap">
          <button
            type="button"
            onClick={() => select(strip.id)}
            aria-pressed={selected}
            className="min-w-0 flex-1 truncate text-left font-semibold first-letter:uppercase max-md:basis-full"
          >
            {name}
          </button>
          {"mute" in strip && (
            <>
              <button
                type="button"
                aria-label={t("mute", { name })}
                aria-pressed={strip.mute}
                onClick={() => editRoute(strip.id, "mute", ({ mute }) => ({ mute: !mute }))}
                className={`${button} ${strip.mute ? "border-transparent bg-ink text-ground" : off}`}
              >
                M
              </button>
              <button
                type="button"
                aria-label={t("solo", { name })}
                aria-pressed={strip.solo}
                onClick={() => editRoute(strip.id, "solo", ({ solo }) => ({ solo: !solo }))}
                className={`${button} ${strip.solo ? "border-transparent bg-amber text-on-accent" : off}`}
              >
                S
              </button>
            </>
          )}
          <button
            type="button"
            aria-label={t("automationOf", { name })}
            title={t("automationOf", { name })}
            aria-pressed={lanesShown}
            onClick={onLanes}
            className={`${button} ${lanesShown ? "border-transparent bg-raised text-accent" : strip.automation.length ? "border-line text-accent" : off}`}
          >
            <Spline size={14} aria-hidden />
          </button>
        </div>
        <div className="flex items-center gap-2 max-md:hidden">
          <Slider
            min={LOWEST_GAIN_DB}
            max={HIGHEST_GAIN_DB}
            step={0.1}
            value={strip.gainDb}
            disabled={moves}
            aria-label={t("gainOf", { name })}
            aria-valuetext={moves ? t("moves") : gainText(strip.gainDb)}
            onValue={(gainDb) => editStrip(strip.id, "gain", () => ({ gainDb }))}
            onDoubleClick={() => editStrip(strip.id, "gain", () => ({ gainDb: 0 }))}
            className="min-w-0 flex-1 disabled:opacity-40"
          />
          <span className="tabular w-14 text-right text-[13px] text-muted">
            {moves ? t("moves") : gainText(strip.gainDb)}
          </span>
        </div>
      </div>
      <Meter analyser={audible ? engine?.analyser(strip.id) : undefined} label={t("levelOf", { name })} />
    </li>
  );
}
