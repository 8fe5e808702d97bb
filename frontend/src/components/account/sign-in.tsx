"use client";

import Link from "next/link";
import { useEffect, useState, type FormEvent } from "react";
import { useTranslations } from "use-intl";
import { Door } from "./door";
import { useArrive, useEnter, useSkipDoor } from "./enter";
import { Providers, useReturn, useSecondFactor } from "./providers";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { ProblemError } from "@/lib/api/problem";
import { useDoors } from "@/lib/doors";
import { isGuest } from "@/lib/roles";
import { useSession } from "@/lib/session";
import { useProblemText } from "@/lib/use-problem-text";

/** Opens a session in this browser. */
export function SignIn() {
  const t = useTranslations("account");
  const text = useProblemText();
  const guests = useTranslations("guest");
  const enter = useEnter();
  const { user } = useSession();
  const guest = user !== null && isGuest(user.role);
  useSkipDoor();
  const doors = useDoors();
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    enter.mutate({
      identifier: String(form.get("identifier")),
      password: String(form.get("password")),
      totp: String(form.get("totp") ?? ""),
    });
  };
  const problem = enter.error instanceof ProblemError ? enter.error : null;
  const [secondFactor, setSecondFactor] = useState(false);
  const asksForCode = problem?.kind === "second-factor-required";
  useEffect(() => {
    if (asksForCode) setSecondFactor(true);
  }, [asksForCode]);
  const problemOfReturn = useReturn();
  if (problemOfReturn === "second-factor-required") return <OneMoreStep />;
  const refused = problem?.status === 401 && !asksForCode;
  return (
    <Door
      title={t("welcomeBack")}
      lead={t("signInLead")}
      foot={
        <>
          {t("newHere")}{" "}
          <Link href={doors.signUp} className="font-semibold text-accent underline underline-offset-4">
            {t("createAccount")}
          </Link>
        </>
      }
    >
      {guest && <p className="mb-4 rounded-md bg-raised px-4 py-3 text-sm text-muted">{guests("signInNote")}</p>}
      <Providers problem={problemOfReturn} />
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
        {secondFactor && (
          <Field
            label={t("code")}
            name="totp"
            autoComplete="one-time-code"
            inputMode="numeric"
            hint={t("codeHint")}
            required
            autoFocus
          />
        )}
        {enter.error && !asksForCode && (
          <p role="alert" className="text-sm text-bad">
            {refused ? t(secondFactor ? "wrongCode" : "wrongPassword") : text(enter.error)}
          </p>
        )}
        <Button look="primary" size="large" type="submit" disabled={enter.isPending}>
          {t("signIn")}
        </Button>
        <Link
          href="/forgot/"
          className="text-center text-sm touch:py-3 text-muted underline underline-offset-4 hover:text-ink"
        >
          {t("forgot")}
        </Link>
      </form>
    </Door>
  );
}

/** Another site has vouched for the person; the account asks for its second factor, too. */
function OneMoreStep() {
  const t = useTranslations("account");
  const text = useProblemText();
  const finish = useSecondFactor(useArrive());
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    finish.mutate(String(new FormData(event.currentTarget).get("totp")));
  };
  return (
    <Door
      title={t("welcomeBack")}
      lead={t("onlyCode")}
      foot={
        // A whole page load: the address line has to lose what it says.
        <a href="/sign-in/" className="font-semibold text-accent underline underline-offset-4">
          {t("backToSignIn")}
        </a>
      }
    >
      <form onSubmit={submit} className="flex flex-col gap-4">
        <Field
          label={t("code")}
          name="totp"
          autoComplete="one-time-code"
          inputMode="numeric"
          hint={t("codeHint")}
          required
          autoFocus
        />
        {finish.error && (
          <p role="alert" className="text-sm text-bad">
            {text(finish.error)}
          </p>
        )}
        <Button look="primary" size="large" type="submit" disabled={finish.isPending}>
          {t("signIn")}
        </Button>
      </form>
    </Door>
  );
}
