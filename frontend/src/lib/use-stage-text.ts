"use client";

import { useTranslations } from "use-intl";
import type english from "@messages/en.json";

type Stage = keyof (typeof english)["stages"];
type Section = keyof (typeof english)["advanced"]["sections"];

/** What the server calls the stages of making and mastering, by what the catalogue calls them. */
const STAGES: Record<string, Stage> = {
  composing: "composing",
  "sound check": "soundCheck",
  "counting in": "countingIn",
  playing: "band",
  saving: "saving",
  "mastering and printing the stems": "printing",
  "listening to the mix": "listening",
  "listening to the reference": "reference",
  "matching the reference": "matching",
  "shaping tone and dynamics": "shaping",
  "limiting and writing the master": "limiting",
};
const PLAYING = "playing the ";

/** What is being done with a take or a master, in the page's language; words that we do not know stay as they are. */
export function useStageText(): (stage: string) => string {
  const t = useTranslations("stages");
  const sections = useTranslations("advanced.sections");
  return (stage) => {
    if (stage.startsWith(PLAYING)) {
      const name = stage.slice(PLAYING.length);
      const known = name.toLowerCase() as Section;
      return t("playing", { section: sections.has(known) ? sections(known) : name });
    }
    const known = STAGES[stage];
    return known ? t(known) : stage;
  };
}
