"use client";

import { X } from "lucide-react";
import { useId, useState } from "react";
import { useTranslations } from "use-intl";
import { inputClass } from "@/components/ui/field";
import words from "@/lib/composer-words.json";
import { useComposerWords } from "@/lib/use-composer-words";

/** The most that the composer takes in one line-up. */
const MOST = 12;

/** The line-up: instruments that have to play. */
export function InstrumentPicker({
  chosen,
  onChange,
}: {
  chosen: string[];
  onChange: (instruments: string[]) => void;
}) {
  const t = useTranslations("advanced");
  const { instrument: wordOf } = useComposerWords();
  const id = useId();
  const [text, setText] = useState("");
  const add = (name: string) => {
    const said = name.trim().toLowerCase();
    const known = words.instruments.find((instrument) => [instrument, wordOf(instrument).toLowerCase()].includes(said));
    if (!known) return false;
    if (!chosen.includes(known) && chosen.length < MOST) onChange([...chosen, known]);
    setText("");
    return true;
  };
  return (
    <div className="flex flex-col gap-1.5">
      <label htmlFor={id} className="text-sm font-medium text-muted">
        {t("instruments")}
      </label>
      <div className="flex flex-wrap items-center gap-2">
        {chosen.map((name) => (
          <button
            key={name}
            type="button"
            onClick={() => onChange(chosen.filter((other) => other !== name))}
            aria-label={t("removeInstrument", { name: wordOf(name) })}
            className="flex h-8 touch:h-11 items-center gap-1.5 rounded-full bg-raised pl-3 pr-2 text-sm transition hover:bg-line"
          >
            {wordOf(name)}
            <X size={14} aria-hidden className="text-faint" />
          </button>
        ))}
        <input
          id={id}
          list={`${id}-known`}
          value={text}
          placeholder={t("addInstrument")}
          onChange={(event) => {
            setText(event.target.value);
            if (
              !("inputType" in event.nativeEvent) ||
              (event.nativeEvent as InputEvent).inputType === "insertReplacementText"
            )
              add(event.target.value);
          }}
          onKeyDown={(event) => {
            if (event.key === "Enter") {
              event.preventDefault();
              add(text);
            }
            if (event.key === "Backspace" && !text) onChange(chosen.slice(0, -1));
          }}
          className={`${inputClass} max-w-60`}
        />
        <datalist id={`${id}-known`}>
          {words.instruments.map((name) => (
            <option key={name} value={wordOf(name)} />
          ))}
        </datalist>
      </div>
    </div>
  );
}
