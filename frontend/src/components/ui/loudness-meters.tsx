"use client";

import { useTranslations } from "use-intl";
import type { Shown } from "@/lib/audio/meter";
import { loudness, signed } from "@/lib/format";
import { useStillness } from "@/lib/use-stillness";

const [LOWEST_DB, HIGHEST_DB] = [-48, 3];

const place = (value: number, lowest: number, highest: number) =>
  (Math.min(highest, Math.max(lowest, value)) - lowest) / (highest - lowest);

/** Loudness, true peak and correlation of what plays; nothing was measured yet where `shown` is null. */
export function LoudnessMeters({ shown }: { shown: Shown | null }) {
  const t = useTranslations("meters");
  const still = useStillness();
  const now = (still ? shown?.told : shown?.now) ?? null;
  const told = shown?.told ?? null;
  const highest = (still ? shown?.toldHighestDbtp : shown?.highestDbtp) ?? null;
  const dbtp = (value: number) => `${signed(value)} dBTP`;
  return (
    <div role="group" aria-label={t("title")} className="mt-4 flex flex-col gap-2.5 text-sm">
      <Row
        label={t("momentary")}
        value={now?.momentaryLufs ?? null}
        told={told?.momentaryLufs ?? null}
        text={loudness}
      />
      <Row
        label={t("shortTerm")}
        value={now?.shortTermLufs ?? null}
        told={told?.shortTermLufs ?? null}
        text={loudness}
      />
      <Row
        label={t("truePeak")}
        value={now?.truePeakDbtp ?? null}
        mark={highest}
        told={shown?.toldHighestDbtp ?? null}
        text={dbtp}
      />
      <Row
        label={t("correlation")}
        centred
        value={now?.correlation ?? null}
        told={told?.correlation ?? null}
        text={(value) => signed(value, 2)}
      />
    </div>
  );
}

/** One meter. What is `told`, and written beside it, changes once a second; with a `mark`, that is what is written. */
function Row({
  label,
  value,
  told,
  mark = null,
  text,
  centred = false,
}: {
  label: string;
  value: number | null;
  told: number | null;
  mark?: number | null;
  text: (value: number) => string;
  /** From −1 to 1, drawn from the middle. */
  centred?: boolean;
}) {
  const t = useTranslations("meters");
  const [lowest, highest] = centred ? [-1, 1] : [LOWEST_DB, HIGHEST_DB];
  const begin = centred ? 0.5 : 0;
  const part = value === null ? begin : place(value, lowest, highest);
  const [from, to] = [Math.min(begin, part), Math.max(begin, part)];
  return (
    <div>
      <div aria-hidden className="flex justify-between gap-3">
        <span className="text-muted">{label}</span>
        <span className="tabular font-medium">{told === null ? "–" : text(told)}</span>
      </div>
      <div
        role="meter"
        aria-label={label}
        aria-valuemin={lowest}
        aria-valuemax={highest}
        aria-valuenow={told === null ? lowest : Math.min(highest, Math.max(lowest, Number(told.toFixed(2))))}
        aria-valuetext={told === null ? t("nothing") : text(told)}
        className="relative mt-1 h-2 overflow-hidden rounded-full bg-sunken"
      >
        <span
          className={`absolute inset-0 transition-[clip-path] duration-100 ease-linear motion-reduce:transition-none ${centred ? "bg-coral" : "bg-linear-to-r from-good via-amber to-coral"}`}
          style={{ clipPath: `inset(0 ${((1 - to) * 100).toFixed(1)}% 0 ${(from * 100).toFixed(1)}%)` }}
        />
        {mark !== null && mark > lowest && (
          <span
            className="absolute inset-y-0 w-0.5 bg-ink"
            style={{ left: `calc(${(place(mark, lowest, highest) * 100).toFixed(1)}% - 2px)` }}
          />
        )}
      </div>
    </div>
  );
}
