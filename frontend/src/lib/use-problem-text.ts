"use client";

import { useCallback } from "react";
import { useTranslations } from "use-intl";
import { ProblemError } from "./api/problem";

/** Turns a failure into a sentence that says what happened and what to do next. */
export function useProblemText(): (failure: unknown) => string {
  const t = useTranslations("problems");
  return useCallback(
    (failure: unknown) => {
      if (!(failure instanceof ProblemError)) return t("unknown");
      if (failure.status === 0) return t("offline");
      if (failure.kind === "sign-up-required") return t("signUpFirst");
      if (failure.kind === "quota-exceeded") return t("quota");
      if (failure.status === 429) return t("slowDown", { seconds: Math.ceil(failure.retryAfterSeconds ?? 10) });
      if (failure.status === 503) return t("busy");
      if (failure.status === 507) return t("full");
      if (failure.status === 404) return t("gone");
      if (failure.status === 401) return failure.message || t("signedOut");
      const field = failure.fields[0];
      if (field) return `${field.pointer.split("/").filter(Boolean).join(" ")}: ${field.detail}`;
      if (failure.status >= 500) return t("unknown");
      return failure.message;
    },
    [t],
  );
}
