"use client";

import { useCallback } from "react";
import { useTranslations } from "use-intl";
import type english from "@messages/en.json";

type Section = keyof (typeof english)["advanced"]["sections"];

/** A section's name in the page's language; a name that we do not know, as "Chorus 2 of mine", stays as it is. */
export function useSectionName(): (section: string) => string {
  const t = useTranslations("advanced.sections");
  return useCallback(
    (section) => {
      const known = section.toLowerCase();
      return t.has(known as never) ? t(known as Section) : section;
    },
    [t],
  );
}
