"use client";

import { useQuery } from "@tanstack/react-query";
import { useCallback } from "react";
import { useLanguage, type Locale } from "./i18n";

/** Words by the ids of what the server calls so; `{1}` stands for what a sentence is about. */
export type Words = Readonly<Record<string, string>>;
/** What the server says in English today, and the same in another language. */
export type ServerWords = { english: Words; own: Words };

const OWN: Record<Exclude<Locale, "en">, () => Promise<Words>> = {
  de: async () => (await import("@messages/server/de.json")).default,
};

async function load(locale: Exclude<Locale, "en">): Promise<ServerWords> {
  const [english, own] = await Promise.all([import("@messages/server/en.json"), OWN[locale]()]);
  return { english: english.default, own };
}

/**
 * What is said in the page's language: by the first of the ids under which the server says just this. Whatever else it
 * says stays as it is: a model that was added here, a text that the operator wrote.
 */
export function inOwnWords(words: ServerWords | null, said: string, ids: readonly string[]): string {
  const known = ids.find((id) => words?.english[id] === said);
  return (known && words?.own[known]) || said;
}

const SENTENCE = "says.";
/** What sentences are about and have a name in every language. */
const NAME = /^(style\..*\.title|instrument\..*|says\..*)$/;
const PLACE = /\{(\d)\}/g;

function patternOf(sentence: string): RegExp {
  const literal = sentence
    .split(PLACE)
    .map((part, at) => (at % 2 ? "(.+?)" : part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")));
  return new RegExp(`^${literal.join("")}$`);
}

/** What a sentence of the server's is about, if it is of this pattern: "writing {1}" says of "writing mp3" that it is mp3. */
export function readPattern(pattern: string, said: string): string[] | null {
  return patternOf(pattern).exec(said)?.slice(1) ?? null;
}

/** A sentence in the page's language; what it is about is translated where it is a word of its own. */
export function sentenceInOwnWords(words: ServerWords | null, said: string): string {
  if (!words) return said;
  const ids = Object.keys(words.english);
  for (const id of ids) {
    const about = id.startsWith(SENTENCE) ? readPattern(words.english[id]!, said) : null;
    if (!about) continue;
    const nameOf = (value: string) =>
      inOwnWords(
        words,
        value,
        ids.filter((known) => NAME.test(known)),
      );
    return words.own[id]!.replace(PLACE, (_, place: string) => nameOf(about[Number(place) - 1] ?? ""));
  }
  return said;
}

/** The words for what the server says; null as long as there are none, and in English, which it speaks itself. */
export function useServerWords(enabled = true): ServerWords | null {
  const { locale } = useLanguage();
  const words = useQuery({
    queryKey: ["server-words", locale],
    enabled: enabled && locale !== "en",
    staleTime: Infinity,
    gcTime: Infinity,
    queryFn: () => load(locale as Exclude<Locale, "en">),
  });
  return words.data ?? null;
}

/** Says in the page's language what the server calls so, by its ids. */
export function useOwnWords(): (said: string, ...ids: string[]) => string {
  const words = useServerWords();
  return useCallback((said, ...ids) => inOwnWords(words, said, ids), [words]);
}
