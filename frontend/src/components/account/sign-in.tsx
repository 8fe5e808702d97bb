"use client";

import Link from "next/link";
import type { FormEvent } from "react";
import { useTranslations } from "use-intl";
import { Door } from "./door";
import { useEnter } from "./enter";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { ProblemError } from "@/lib/api/problem";
import { useProblemText } from "@/lib/use-problem-text";

/** Opens a session in this browser. */
export function SignIn() {
  const t = useTranslations("account");
  const text = useProblemText();
  const enter = useEnter();
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    enter.mutate({ identifier: String(form.get("identifier")), password: String(form.get("password")) });
  };
  const refused = enter.error instanceof ProblemError && enter.error.status === 401;
  return (
    <Door
      title={t("welcomeBack")}
      lead={t("signInLead")}
      foot={
        <>
          {t("newHere")}{" "}
          <Link href="/sign-up/" className="font-semibold text-accent underline underline-offset-4">
            {t("createAccount")}
          </Link>
        </>
      }
    >
      <form onSubmit={submit} className="flex flex-col gap-4">
        <Field
          label={t("identifier")}
          name="identifier"
          autoComplete="username"
          autoCapitalize="none"
          required
          autoFocus
        />
        <Field label={t("password")} name="password" type="password" autoComplete="current-password" required />
        {enter.error && (
          <p role="alert" className="text-sm text-bad">
            {refused ? t("wrongPassword") : text(enter.error)}
          </p>
        )}
        <Button look="primary" size="large" type="submit" disabled={enter.isPending}>
          {t("signIn")}
        </Button>
      </form>
    </Door>
  );
}
