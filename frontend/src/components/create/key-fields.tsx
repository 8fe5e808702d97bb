"use client";

import { useId } from "react";
import { useTranslations } from "use-intl";
import { selectClass } from "@/components/ui/field";
import { musicalKey } from "@/lib/format";

const TONICS = ["C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"];
export const MODES = ["major", "minor", "dorian", "mixolydian", "lydian", "phrygian"] as const;

/** A key in two parts; an empty tonic leaves it to the composer. */
export function KeyFields({
  tonic,
  mode,
  onChange,
}: {
  tonic: string;
  mode: string;
  onChange: (tonic: string, mode: string) => void;
}) {
  const t = useTranslations("advanced");
  const id = useId();
  return (
    <div role="group" aria-labelledby={id} className="flex flex-col gap-1.5">
      <span id={id} className="text-sm font-medium text-muted">
        {t("key")}
      </span>
      <div className="flex gap-2">
        <select
          aria-label={t("tonic")}
          className={`${selectClass} w-24`}
          value={tonic}
          onChange={(event) => onChange(event.target.value, mode)}
        >
          <option value="">{t("auto")}</option>
          {TONICS.map((name) => (
            <option key={name} value={name}>
              {musicalKey(name)}
            </option>
          ))}
        </select>
        <select
          aria-label={t("mode")}
          className={`${selectClass} min-w-0 flex-1`}
          value={mode}
          disabled={!tonic}
          onChange={(event) => onChange(tonic, event.target.value)}
        >
          {MODES.map((name) => (
            <option key={name} value={name}>
              {t(`modes.${name}`)}
            </option>
          ))}
        </select>
      </div>
    </div>
  );
}
