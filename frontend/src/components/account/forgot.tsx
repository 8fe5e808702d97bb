"use client";

import { useMutation } from "@tanstack/react-query";
import Link from "next/link";
import { MailCheck } from "lucide-react";
import type { FormEvent } from "react";
import { useTranslations } from "use-intl";
import { Door } from "./door";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { answer, api } from "@/lib/api/client";
import { useProblemText } from "@/lib/use-problem-text";

/** Asks for a mail with which a new password can be chosen. */
export function Forgot() {
  const t = useTranslations("account");
  const text = useProblemText();
  const ask = useMutation({
    mutationFn: (email: string) => answer(api.POST("/api/v1/auth/password/forgot", { body: { email } })),
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    ask.mutate(String(new FormData(event.currentTarget).get("email")));
  };
  return (
    <Door
      title={t("forgotTitle")}
      lead={t("forgotLead")}
      foot={
        <Link href="/sign-in/" className="font-semibold text-accent underline underline-offset-4">
          {t("backToSignIn")}
        </Link>
      }
    >
      {ask.isSuccess ? (
        <p role="status" className="flex items-start gap-3">
          <MailCheck size={20} aria-hidden className="mt-0.5 shrink-0 text-good" />
          {t("forgotSent")}
        </p>
      ) : (
        <form onSubmit={submit} className="flex flex-col gap-4">
          <Field label={t("email")} name="email" type="email" autoComplete="email" required />
          {ask.error && (
            <p role="alert" className="text-sm text-bad">
              {text(ask.error)}
            </p>
          )}
          <Button look="primary" size="large" type="submit" disabled={ask.isPending}>
            {t("sendMail")}
          </Button>
        </form>
      )}
    </Door>
  );
}
