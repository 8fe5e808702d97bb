"use client";

import { Sparkles } from "lucide-react";
import { useState, type ReactNode } from "react";
import { useTranslations } from "use-intl";
import { InstrumentPicker } from "./instrument-picker";
import { KeyFields } from "./key-fields";
import { Button } from "@/components/ui/button";
import { Field, selectClass } from "@/components/ui/field";
import type { GenerateRequest, Track } from "@/lib/api/client";
import words from "@/lib/composer-words.json";
import { roundTempo } from "@/lib/format";
import { useMake } from "@/lib/music";
import { readUnderstood, specWith, type UnderstoodChange } from "@/lib/understood";
import { useProblemText } from "@/lib/use-problem-text";
import { useComposerWords } from "@/lib/use-composer-words";

/** What was understood, open to be corrected; the corrected take is made with the same seed. */
export function Understood({ track, request }: { track: Track; request: GenerateRequest }) {
  const t = useTranslations("understood");
  const composer = useComposerWords();
  const text = useProblemText();
  const make = useMake();
  const found = readUnderstood(track.spec!);
  const [change, setChange] = useState<UnderstoodChange>({});
  const set = (part: UnderstoodChange) => setChange({ ...change, ...part });
  const [tonic = "", ...modeWords] = (change.key ?? found.key).split(" ");
  const known = words.instruments as string[];
  const again = () => {
    const { bpm: _bpm, key: _key, structure: _structure, ...rest } = request;
    make.mutate({
      request: {
        ...rest,
        seed: track.seed,
        duration: request.duration ?? track.duration,
        spec: specWith(track.spec!, change),
      },
    });
  };
  return (
    <div className="appear mt-4 rounded-lg border border-line bg-ground p-4">
      <p className="mb-3 text-sm text-muted">{t("intro")}</p>
      <div className="grid gap-4 sm:grid-cols-2 lg:grid-cols-4">
        <Labelled name={t("style")}>
          {(id) => (
            <select
              id={id}
              className={selectClass}
              value={change.genre ?? found.genre}
              onChange={(event) => set({ genre: event.target.value })}
            >
              {words.genres.map((genre) => (
                <option key={genre} value={genre}>
                  {composer.style(genre)}
                </option>
              ))}
            </select>
          )}
        </Labelled>
        <Labelled name={t("mood")}>
          {(id) => (
            <select
              id={id}
              className={selectClass}
              value={change.mood ?? found.mood}
              onChange={(event) => set({ mood: event.target.value })}
            >
              <option value="">{t("noMood")}</option>
              {words.moods.map((mood) => (
                <option key={mood} value={mood}>
                  {composer.mood(mood)}
                </option>
              ))}
            </select>
          )}
        </Labelled>
        <Field
          label={t("tempo")}
          type="number"
          min={30}
          max={300}
          value={change.bpm ?? (found.bpm === null ? "" : String(roundTempo(found.bpm)))}
          onChange={(event) => set({ bpm: Number(event.target.value) || undefined })}
        >
          <span className="text-sm text-faint">bpm</span>
        </Field>
        <KeyFields
          tonic={tonic}
          mode={modeWords.join(" ") || "major"}
          onChange={(name, mode) => name && set({ key: `${name} ${mode}` })}
        />
      </div>
      <div className="mt-4">
        <InstrumentPicker
          chosen={change.instruments ?? found.instruments.filter((name) => known.includes(name))}
          onChange={(instruments) => set({ instruments })}
        />
      </div>
      {found.notes.length > 0 && (
        <p className="mt-3 text-[13px] text-faint">{found.notes.map(composer.note).join(" ")}</p>
      )}
      <div className="mt-4 flex flex-wrap items-center gap-3">
        <Button look="primary" onClick={again} disabled={make.isPending || Object.keys(change).length === 0}>
          <Sparkles size={16} aria-hidden />
          {t("again")}
        </Button>
        {make.error && (
          <span role="alert" className="text-sm text-bad">
            {text(make.error)}
          </span>
        )}
      </div>
    </div>
  );
}

function Labelled({ name, children }: { name: string; children: (id: string) => ReactNode }) {
  const id = `understood-${name}`;
  return (
    <div className="flex flex-col gap-1.5">
      <label htmlFor={id} className="text-sm font-medium text-muted">
        {name}
      </label>
      {children(id)}
    </div>
  );
}
