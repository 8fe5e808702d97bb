"use client";

import { useMutation } from "@tanstack/react-query";
import { MailCheck } from "lucide-react";
import type { FormEvent } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { useProblemText } from "@/lib/use-problem-text";

/** Asks for a mail by an address. What is said then is the same whether or not anybody has that address. */
export function AskForMail({ send }: { send: (email: string) => Promise<unknown> }) {
  const t = useTranslations("account");
  const text = useProblemText();
  const ask = useMutation({ mutationFn: send });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    ask.mutate(String(new FormData(event.currentTarget).get("email")));
  };
  if (ask.isSuccess)
    return (
      <p role="status" className="flex items-start gap-3">
        <MailCheck size={20} aria-hidden className="mt-0.5 shrink-0 text-good" />
        {t("forgotSent")}
      </p>
    );
  return (
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
  );
}
