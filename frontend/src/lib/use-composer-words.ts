"use client";

import { useMemo } from "react";
import { inOwnWords, sentenceInOwnWords, useServerWords } from "./server-words";

/** What the composer calls styles, moods, instruments and parts, and what it remarks, in the page's language. */
export function useComposerWords() {
  const words = useServerWords();
  return useMemo(
    () => ({
      style: (name: string) => inOwnWords(words, name, [`style.${name}`]),
      mood: (name: string) => inOwnWords(words, name, [`mood.${name}`]),
      /** A second part of one name has a number: "piano 2". */
      instrument: (name: string) => {
        const [, bare = name, number = ""] = /^(.*?)( \d+)?$/.exec(name) ?? [];
        return inOwnWords(words, bare, [`instrument.${bare}`]) + number;
      },
      /** What may be done with its songs, and with what was made of them. */
      licence: (name: string) => inOwnWords(words, name, ["model.composer.licence"]),
      /** A sentence of the server's. */
      note: (sentence: string) => sentenceInOwnWords(words, sentence),
    }),
    [words],
  );
}
