"use client";

import { useTranslations } from "use-intl";

/** Somebody's words within the quotation marks of the page's language. */
export function useQuoted(): (words: string) => string {
  const t = useTranslations("states");
  return (words) => t("quoted", { words });
}
