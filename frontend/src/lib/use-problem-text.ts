"use client";

import { useCallback } from "react";
import { useTranslations } from "use-intl";
import type english from "@messages/en.json";
import { kindOf, ProblemError } from "./api/problem";
import { useLanguage } from "./i18n";
import { sentenceInOwnWords, useServerWords, type ServerWords } from "./server-words";

type Kind = keyof (typeof english)["problems"]["kinds"];

/** What needs no more words than the catalogue's; of the other kinds only the server's detail says what exactly it was. */
const SAYS_ALL: ReadonlySet<string> = new Set<Kind>([
  "sign-up-required",
  "not-found",
  "quota-exceeded",
  "queue-full",
  "overloaded",
  "unavailable",
  "not-ready",
  "deadline-exceeded",
  "storage-full",
  "internal",
]);

type Translator = ReturnType<typeof useTranslations<"problems">>;

/**
 * Says what a problem is about: the server's detail where the page speaks its language or has a translation of it, else
 * the catalogue's sentence for the kind, with the detail as it came.
 */
export function tellProblem(
  t: Translator,
  words: ServerWords | null,
  speaksEnglish: boolean,
  kind: string,
  detail: string,
): string {
  const known = t.has(`kinds.${kind}` as never) ? t(`kinds.${kind as Kind}`) : "";
  if (!detail) return known || t("unknown");
  const own = sentenceInOwnWords(words, detail);
  if (own !== detail || speaksEnglish || !known) return own;
  return t("andDetail", { sentence: known, detail });
}

function useDetail(): (kind: string, detail: string) => string {
  const t = useTranslations("problems");
  const { locale } = useLanguage();
  const words = useServerWords();
  return useCallback((kind, detail) => tellProblem(t, words, locale === "en", kind, detail), [t, locale, words]);
}

/** Turns a failure into a sentence that says what happened and what to do next. */
export function useProblemText(): (failure: unknown) => string {
  const t = useTranslations("problems");
  const say = useDetail();
  return useCallback(
    (failure: unknown) => {
      if (!(failure instanceof ProblemError)) return t("unknown");
      const { kind, status, detail, fields } = failure;
      if (status === 0) return t("offline");
      if (SAYS_ALL.has(kind)) return say(kind, "");
      if (status === 429) return t("slowDown", { seconds: Math.ceil(failure.retryAfterSeconds ?? 10) });
      if (status === 404) return say("not-found", "");
      if (status >= 500) return t("unknown");
      const [field] = fields;
      return field ? say("validation", field.detail === detail ? detail : told(field)) : say(kind, detail);
    },
    [t, say],
  );
}

const told = ({ pointer, detail }: { pointer: string; detail: string }) =>
  `${pointer.split("/").filter(Boolean).join(" ")}: ${detail}`;

/** Turns what the server says of one field into the page's language. */
export function useFieldText(): (failure: unknown, pointer: string) => string | undefined {
  const say = useDetail();
  return useCallback(
    (failure, pointer) => {
      const detail = failure instanceof ProblemError ? failure.field(pointer) : undefined;
      return detail === undefined ? undefined : say("validation", detail);
    },
    [say],
  );
}

type Told = { type?: string | null; detail?: string | null };

/** Says what a problem document within an answer tells of: why a job failed, why one track of many stays as it was. */
export function useProblemSentence(): (problem: Told | null | undefined) => string {
  const say = useDetail();
  return useCallback((problem) => say(kindOf(problem?.type ?? ""), problem?.detail ?? ""), [say]);
}
