"use client";

import { useTranslations } from "use-intl";
import type english from "@messages/en.json";
import { musicalKey } from "./format";

type Mode = keyof (typeof english)["advanced"]["modes"];

/** A key in the page's language: "F# minor" is "F♯ minor", "F♯-Moll". A mode that we do not know stays as it is. */
export function useKeyText(): (key: string) => string {
  const t = useTranslations("advanced");
  return (key) => {
    const [tonic = "", ...rest] = musicalKey(key).split(" ");
    const mode = rest.join(" ");
    return t.has(`modes.${mode}` as never)
      ? t("keyName", { tonic, mode: t(`modes.${mode as Mode}`) })
      : musicalKey(key);
  };
}
