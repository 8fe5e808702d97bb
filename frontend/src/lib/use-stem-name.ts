"use client";

import { useTranslations } from "use-intl";
import { STEM_NAMES, type StemName } from "./stems";

/** A stem's name in the page's language; a name that we do not know stays as it is. */
export function useStemName(): (stem: string) => string {
  const t = useTranslations("stemNames");
  return (stem) => ((STEM_NAMES as readonly string[]).includes(stem) ? t(stem as StemName) : stem);
}
