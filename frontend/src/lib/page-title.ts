"use client";

import { useEffect } from "react";
import { useTranslations } from "use-intl";
import english from "@messages/en.json";

type Title = keyof (typeof english)["titles"];

const SEPARATOR = " · ";

/** Which of the catalogue's titles an exported page has: "Library · Music Gen AI" has that of the library. */
export function titleOf(page: string): { title: Title; rest: string } | null {
  const [name = ""] = page.split(SEPARATOR);
  const title = (Object.keys(english.titles) as Title[]).find((known) => english.titles[known] === name);
  return title ? { title, rest: page.slice(name.length) } : null;
}

/** Keeps the title in the page's language; exported pages have an English one, which comes anew with each of them. */
export function usePageTitle(): void {
  const t = useTranslations("titles");
  useEffect(() => {
    let [exported, own] = ["", ""];
    const translate = () => {
      if (document.title === own) return;
      exported = document.title;
      const known = titleOf(exported);
      own = known ? t(known.title) + known.rest : exported;
      if (own !== exported) document.title = own;
    };
    translate();
    const observer = new MutationObserver(translate);
    observer.observe(document.head, { childList: true, subtree: true, characterData: true });
    return () => {
      observer.disconnect();
      // Whoever looks next, in another language, finds what the page came with.
      if (document.title === own) document.title = exported;
    };
  }, [t]);
}
