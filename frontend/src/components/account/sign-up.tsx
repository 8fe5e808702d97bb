"use client";

import Link from "next/link";
import { MailCheck } from "lucide-react";
import type { FormEvent } from "react";
import { useTranslations } from "use-intl";
import { Door } from "./door";
import { useRegister, useSkipDoor } from "./enter";
import { TryIt } from "./try-it";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { ProblemError } from "@/lib/api/problem";
import { useDoors } from "@/lib/doors";
import { isGuest } from "@/lib/roles";
import { useSession } from "@/lib/session";
import { useFieldText, useProblemText } from "@/lib/use-problem-text";

/** Makes an account and signs in to it. */
export function SignUp() {
  const t = useTranslations("account");
  const text = useProblemText();
  const fieldText = useFieldText();
  const guests = useTranslations("guest");
  const register = useRegister();
  const { user } = useSession();
  const guest = user !== null && isGuest(user.role);
  useSkipDoor();
  const doors = useDoors();
  const problem = register.error instanceof ProblemError ? register.error : null;
  const wrong = (name: string) => fieldText(register.error, `/${name}`);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    register.mutate({
      username: String(form.get("username")),
      email: String(form.get("email")),
      password: String(form.get("password")),
    });
  };
  return (
    <Door
      title={t("makeMusic")}
      lead={guest ? guests("signUpLead") : t("signUpLead")}
      foot={
        <>
          {t("haveAccount")}{" "}
          <Link href={doors.signIn} className="font-semibold text-accent underline underline-offset-4">
            {t("signIn")}
          </Link>
          <span className="mt-5 block">
            <TryIt href="/create/" note={false} />
          </span>
        </>
      }
    >
      {register.data === false && (
        <p role="status" className="flex items-start gap-3">
          <MailCheck size={20} aria-hidden className="mt-0.5 shrink-0 text-good" />
          {guest ? guests("verifySent") : t("verifySent")}
        </p>
      )}
      <form hidden={register.data === false} onSubmit={submit} className="flex flex-col gap-4 [&[hidden]]:hidden">
        <Field
          label={t("username")}
          name="username"
          autoComplete="username"
          autoCapitalize="none"
          required
          minLength={3}
          autoFocus
          wrong={wrong("username")}
        />
        <Field label={t("email")} name="email" type="email" autoComplete="email" required wrong={wrong("email")} />
        <Field
          label={t("password")}
          name="password"
          type="password"
          autoComplete="new-password"
          required
          minLength={8}
          hint={t("passwordHint")}
          wrong={wrong("password")}
        />
        {register.error && !problem?.fields.length && (
          <p role="alert" className="text-sm text-bad">
            {text(register.error)}
          </p>
        )}
        <Button look="primary" size="large" type="submit" disabled={register.isPending}>
          {t("createAccount")}
        </Button>
      </form>
    </Door>
  );
}
