"use client";

import { Spline } from "lucide-react";
import { useId } from "react";
import { useTranslations } from "use-intl";
import { Slider } from "@/components/ui/slider";
import { laneOf, type Strip } from "@/lib/audio/session";
import { useStudio } from "@/stores/studio";

/** A named slider with its value; a double click brings it home. With a `target`, its automation is one press away. */
export function Dial({
  label,
  text,
  rest,
  strip,
  target,
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
  strip?: Strip;
  target?: string;
  onChange: (value: number) => void;
}) {
  const t = useTranslations("studio");
  const id = useId();
  const show = useStudio((studio) => studio.show);
  const lanes = useStudio((studio) => (strip ? studio.shown[strip.id] : undefined)) ?? [];
  const moves = Boolean(strip && target && laneOf(strip, target));
  const open = target !== undefined && lanes.includes(target);
  return (
    <div className="mt-3 text-sm">
      <div className="flex items-center gap-2">
        <label htmlFor={id} className="text-muted">
          {label}
        </label>
        <span className="tabular ml-auto font-medium">{moves ? t("moves") : text}</span>
        {strip && target && (
          <button
            type="button"
            aria-label={t("automate", { parameter: label })}
            title={t("automate", { parameter: label })}
            aria-pressed={open}
            onClick={() => show(strip.id, open ? lanes.filter((lane) => lane !== target) : [...lanes, target])}
            className={`-my-1 -mr-1.5 grid size-7 place-items-center rounded-md transition hover:bg-raised ${open || moves ? "text-accent" : "text-faint hover:text-ink"}`}
          >
            <Spline size={14} aria-hidden />
          </button>
        )}
      </div>
      <Slider
        {...range}
        id={id}
        disabled={moves}
        aria-valuetext={moves ? t("moves") : text}
        onValue={onChange}
        onDoubleClick={() => onChange(rest)}
        className="mt-1 w-full disabled:opacity-40"
      />
    </div>
  );
}
