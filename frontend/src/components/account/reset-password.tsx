"use client";

import { useMutation } from "@tanstack/react-query";
import Link from "next/link";
import type { FormEvent } from "react";
import { useTranslations } from "use-intl";
import { Door } from "./door";
import { useMailToken } from "./mail-token";
import { Button, ButtonLink } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { answer, api } from "@/lib/api/client";
import { ProblemError } from "@/lib/api/problem";
import { useFieldText, useProblemText } from "@/lib/use-problem-text";

/** Chooses a new password with the token of a mail. */
export function ResetPassword() {
  const t = useTranslations("account");
  const text = useProblemText();
  const fieldText = useFieldText();
  const token = useMailToken();
  const reset = useMutation({
    mutationFn: (password: string) =>
      answer(api.POST("/api/v1/auth/password/reset", { body: { token: token ?? "", password } })),
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    reset.mutate(String(new FormData(event.currentTarget).get("password")));
  };
  const problem = reset.error instanceof ProblemError ? reset.error : null;
  const wrong = fieldText(problem, "/password");
  return (
    <Door
      title={t("resetTitle")}
      lead={t("resetLead")}
      foot={
        <Link href="/forgot/" className="font-semibold text-accent underline underline-offset-4">
          {t("newMail")}
        </Link>
      }
    >
      {token === "" ? (
        <p role="alert">{t("linkBroken")}</p>
      ) : reset.isSuccess ? (
        <div role="status" className="flex flex-col gap-4">
          <p>{t("resetDone")}</p>
          <ButtonLink look="primary" size="large" href="/sign-in/">
            {t("signIn")}
          </ButtonLink>
        </div>
      ) : (
        <form onSubmit={submit} className="flex flex-col gap-4">
          <Field
            label={t("newPassword")}
            name="password"
            type="password"
            autoComplete="new-password"
            required
            minLength={8}
            hint={t("passwordHint")}
            wrong={wrong}
          />
          {reset.error && !wrong && (
            <p role="alert" className="text-sm text-bad">
              {problem && problem.status < 500 && problem.status > 0 ? t("linkBroken") : text(reset.error)}
            </p>
          )}
          <Button look="primary" size="large" type="submit" disabled={reset.isPending || token === null}>
            {t("choosePassword")}
          </Button>
        </form>
      )}
    </Door>
  );
}
