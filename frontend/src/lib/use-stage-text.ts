"use client";

import { useTranslations } from "use-intl";
import english from "@messages/en.json";
import { readPattern } from "./server-words";
import { STEM_NAMES, type StemName } from "./stems";
import { useSectionName } from "./use-section-name";

type Stage = keyof (typeof english)["stages"];

const PATTERNS = (Object.keys(english.stages) as Stage[]).filter((stage) => stage.includes("{1}"));

/** The stage of the catalogue that the server's words are, and what they are about; null for words that it does not know. */
export function knownStage(said: string): { stage: Stage; about: string[] } | null {
  if (said in english.stages) return { stage: said as Stage, about: [] };
  for (const stage of PATTERNS) {
    const about = readPattern(stage, said);
    if (about) return { stage, about };
  }
  return null;
}

/** What is being done with a take or a master, in the page's language; words that we do not know stay as they are. */
export function useStageText(): (stage: string) => string {
  const t = useTranslations("stages");
  const sectionName = useSectionName();
  const stems = useTranslations("stemNames");
  return (said) => {
    const known = knownStage(said);
    if (!known) return said;
    const name = (word: string) => {
      const lower = word.toLowerCase();
      return (STEM_NAMES as readonly string[]).includes(lower) ? stems(lower as StemName) : sectionName(word);
    };
    const values = Object.fromEntries(known.about.map((word, at) => [at + 1, name(word)]));
    return t(known.stage, values as never);
  };
}
