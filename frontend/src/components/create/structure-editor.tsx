"use client";

import { ArrowLeft, ArrowRight, Plus, X } from "lucide-react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/ui/button";
import type { DraftSection } from "@/stores/draft";

export const SECTIONS = ["intro", "verse", "chorus", "bridge", "solo", "break", "drop", "outro"] as const;
const BARS = [2, 4, 8, 12, 16];
const A_SONG: DraftSection[] = [
  { section: "intro", bars: 4 },
  { section: "verse", bars: 8 },
  { section: "chorus", bars: 8 },
  { section: "outro", bars: 4 },
];

/** The song's form as blocks in a row, each as wide as it is long; empty: the composer chooses. */
export function StructureEditor({
  sections,
  onChange,
}: {
  sections: DraftSection[];
  onChange: (sections: DraftSection[]) => void;
}) {
  const t = useTranslations("advanced");
  const change = (at: number, part: Partial<DraftSection>) =>
    onChange(sections.map((section, position) => (position === at ? { ...section, ...part } : section)));
  const move = (at: number, by: number) => {
    const next = [...sections];
    const [taken] = next.splice(at, 1);
    next.splice(at + by, 0, taken!);
    onChange(next);
  };
  return (
    <div className="flex flex-col gap-2">
      <span className="flex items-baseline justify-between gap-3 text-sm font-medium text-muted">
        {t("structure")}
        {sections.length > 0 && (
          <span className="flex items-center gap-3">
            <span className="tabular font-normal text-faint">
              {t("bars", { bars: sections.reduce((sum, { bars }) => sum + bars, 0) })}
            </span>
            <button type="button" onClick={() => onChange([])} className="font-normal underline underline-offset-4">
              {t("freeForm")}
            </button>
          </span>
        )}
      </span>
      {sections.length === 0 ? (
        <div>
          <Button size="small" onClick={() => onChange(A_SONG)}>
            <Plus size={15} aria-hidden />
            {t("setForm")}
          </Button>
        </div>
      ) : (
        <ol className="flex flex-wrap gap-2">
          {sections.map((section, at) => (
            <li
              key={at}
              style={{ flexGrow: section.bars, flexBasis: 130 }}
              className="flex max-w-72 flex-col gap-1.5 rounded-lg border border-line bg-raised p-2"
            >
              <div className="flex items-center gap-1">
                <select
                  aria-label={t("sectionName", { number: at + 1 })}
                  value={section.section}
                  onChange={(event) => change(at, { section: event.target.value })}
                  className="h-8 touch:h-11 min-w-0 flex-1 rounded-md bg-transparent font-semibold"
                >
                  {SECTIONS.map((name) => (
                    <option key={name} value={name}>
                      {t(`sections.${name}`)}
                    </option>
                  ))}
                </select>
                <button
                  type="button"
                  aria-label={t("removeSection", { number: at + 1 })}
                  onClick={() => onChange(sections.filter((_, position) => position !== at))}
                  className="grid size-7 touch:size-11 place-items-center rounded-full text-faint hover:bg-line hover:text-ink"
                >
                  <X size={14} />
                </button>
              </div>
              <div className="flex items-center justify-between">
                <select
                  aria-label={t("sectionBars", { number: at + 1 })}
                  value={section.bars}
                  onChange={(event) => change(at, { bars: Number(event.target.value) })}
                  className="h-7 touch:h-11 rounded-md bg-transparent text-[13px] text-muted"
                >
                  {BARS.map((bars) => (
                    <option key={bars} value={bars}>
                      {t("bars", { bars })}
                    </option>
                  ))}
                </select>
                <span className="flex">
                  <button
                    type="button"
                    disabled={at === 0}
                    aria-label={t("moveLeft", { number: at + 1 })}
                    onClick={() => move(at, -1)}
                    className="grid size-7 touch:size-11 place-items-center rounded-full text-faint hover:bg-line hover:text-ink disabled:opacity-30"
                  >
                    <ArrowLeft size={14} />
                  </button>
                  <button
                    type="button"
                    disabled={at === sections.length - 1}
                    aria-label={t("moveRight", { number: at + 1 })}
                    onClick={() => move(at, 1)}
                    className="grid size-7 touch:size-11 place-items-center rounded-full text-faint hover:bg-line hover:text-ink disabled:opacity-30"
                  >
                    <ArrowRight size={14} />
                  </button>
                </span>
              </div>
              <input
                aria-label={t("sectionWords", { number: at + 1 })}
                placeholder={t("sectionWordsExample")}
                value={section.prompt ?? ""}
                maxLength={2000}
                onChange={(event) => change(at, { prompt: event.target.value })}
                className="h-8 touch:h-11 w-full rounded-md border border-transparent bg-transparent px-1 text-[13px] transition hover:border-line focus:border-line-strong"
              />
            </li>
          ))}
          <li>
            <button
              type="button"
              onClick={() => onChange([...sections, { section: "verse", bars: 8 }])}
              className="flex h-full min-h-[78px] items-center gap-2 rounded-lg border border-dashed border-line-strong px-4 text-sm text-muted transition hover:text-ink"
            >
              <Plus size={15} aria-hidden />
              {t("addSection")}
            </button>
          </li>
        </ol>
      )}
    </div>
  );
}
