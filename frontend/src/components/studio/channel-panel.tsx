"use client";

import { useTranslations } from "use-intl";
import { EffectChain } from "./effect-chain";
import { gainText } from "./strip";
import { Slider } from "@/components/ui/slider";
import { HIGHEST_GAIN_DB, LOWEST_GAIN_DB } from "@/lib/audio/session";
import { useStemName } from "@/lib/use-stem-name";
import { stemVariable } from "@/lib/stems";
import { editChannel, useStudio } from "@/stores/studio";

/** Pan in words: centre, 30 left, 100 right. */
function usePanText(): (pan: number) => string {
  const t = useTranslations("studio");
  return (pan) => {
    const amount = Math.round(Math.abs(pan) * 100);
    if (!amount) return t("centre");
    return pan < 0 ? t("left", { amount }) : t("right", { amount });
  };
}

/** Everything about the selected channel. */
export function ChannelPanel() {
  const t = useTranslations("studio");
  const panText = usePanText();
  const nameOf = useStemName();
  const channel = useStudio((studio) => studio.channels.find(({ id }) => id === studio.selected));
  return (
    <section aria-label={t("channel")} className="border-line bg-surface max-lg:border-t lg:w-[320px] lg:border-l">
      {!channel ? (
        <p className="p-6 text-muted">{t("chooseChannel")}</p>
      ) : (
        <div className="p-5">
          <h2 className="flex items-center gap-2.5 text-lg capitalize">
            <span
              aria-hidden
              className="size-3 rounded-full"
              style={{ background: stemVariable(channel.stem || "other") }}
            />
            {channel.stem ? nameOf(channel.stem) : channel.name}
          </h2>
          <Dial
            label={t("gain")}
            text={gainText(channel.gainDb)}
            min={LOWEST_GAIN_DB}
            max={HIGHEST_GAIN_DB}
            step={0.1}
            value={channel.gainDb}
            rest={0}
            onChange={(gainDb) => editChannel(channel.id, "gain", { gainDb })}
          />
          <Dial
            label={t("pan")}
            text={panText(channel.pan)}
            min={-1}
            max={1}
            step={0.01}
            value={channel.pan}
            rest={0}
            onChange={(pan) => editChannel(channel.id, "pan", { pan })}
          />
          <EffectChain channel={channel} />
        </div>
      )}
    </section>
  );
}

/** A named slider with its value; a double click brings it home. */
export function Dial({
  label,
  text,
  rest,
  onChange,
  ...range
}: {
  label: string;
  text: string;
  min: number;
  max: number;
  step: number;
  value: number;
  rest: number;
  onChange: (value: number) => void;
}) {
  return (
    <label className="mt-4 block text-sm">
      <span className="flex justify-between gap-3">
        <span className="text-muted">{label}</span>
        <span className="tabular font-medium">{text}</span>
      </span>
      <Slider
        {...range}
        aria-valuetext={text}
        onValue={onChange}
        onDoubleClick={() => onChange(rest)}
        className="mt-1 w-full"
      />
    </label>
  );
}
