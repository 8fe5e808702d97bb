"use client";

import { useTranslations } from "use-intl";
import { Meter } from "./meter";
import { LANE_HEIGHT } from "./timeline";
import { Slider } from "@/components/ui/slider";
import type { Multitrack } from "@/lib/audio/multitrack";
import { HIGHEST_GAIN_DB, LOWEST_GAIN_DB, type Channel } from "@/lib/audio/session";
import { signed } from "@/lib/format";
import { useStemName } from "@/lib/use-stem-name";
import { stemVariable } from "@/lib/stems";
import { editChannel, useStudio } from "@/stores/studio";

/** A level as the fader shows it. */
export function gainText(gainDb: number): string {
  return `${signed(gainDb <= LOWEST_GAIN_DB ? -Infinity : gainDb)} dB`;
}

/** A channel's head: name, mute, solo, fader, meter. */
export function Strip({
  channel,
  engine,
  selected,
  audible,
}: {
  channel: Channel;
  engine: Multitrack | null;
  selected: boolean;
  audible: boolean;
}) {
  const t = useTranslations("studio");
  const select = useStudio((studio) => studio.select);
  const nameOf = useStemName();
  const name = channel.stem ? nameOf(channel.stem) : channel.name;
  const colour = stemVariable(channel.stem || "other");
  const button = "grid size-7 place-items-center rounded-md border text-xs font-bold transition";
  return (
    <li
      className={`relative flex gap-2 border-b border-line py-2 pl-3 pr-2 transition ${selected ? "bg-surface" : ""}`}
      style={{ height: LANE_HEIGHT, boxShadow: `inset 4px 0 0 ${colour}` }}
    >
      <div className="flex min-w-0 flex-1 flex-col justify-between">
        <div className="flex items-center gap-1.5 max-md:flex-wrap">
          <button
            type="button"
            onClick={() => select(channel.id)}
            aria-pressed={selected}
            className="min-w-0 flex-1 truncate text-left font-semibold capitalize max-md:basis-full"
          >
            {name}
          </button>
          <button
            type="button"
            aria-label={t("mute", { name })}
            aria-pressed={channel.mute}
            onClick={() => editChannel(channel.id, "mute", ({ mute }) => ({ mute: !mute }))}
            className={`${button} ${channel.mute ? "border-transparent bg-ink text-ground" : "border-line text-muted hover:border-line-strong"}`}
          >
            M
          </button>
          <button
            type="button"
            aria-label={t("solo", { name })}
            aria-pressed={channel.solo}
            onClick={() => editChannel(channel.id, "solo", ({ solo }) => ({ solo: !solo }))}
            className={`${button} ${channel.solo ? "border-transparent bg-amber text-on-accent" : "border-line text-muted hover:border-line-strong"}`}
          >
            S
          </button>
        </div>
        <div className="flex items-center gap-2 max-md:hidden">
          <Slider
            min={LOWEST_GAIN_DB}
            max={HIGHEST_GAIN_DB}
            step={0.1}
            value={channel.gainDb}
            aria-label={t("gainOf", { name })}
            aria-valuetext={gainText(channel.gainDb)}
            onValue={(gainDb) => editChannel(channel.id, "gain", { gainDb })}
            onDoubleClick={() => editChannel(channel.id, "gain", { gainDb: 0 })}
            className="min-w-0 flex-1"
          />
          <span className="tabular w-14 text-right text-[13px] text-muted">{gainText(channel.gainDb)}</span>
        </div>
      </div>
      <Meter analyser={audible ? engine?.analyser(channel.id) : undefined} label={t("levelOf", { name })} />
    </li>
  );
}
