"use client";

import Link from "next/link";
import { useTranslations } from "use-intl";
import { AskForMail } from "./ask-for-mail";
import { Door } from "./door";
import { answer, api } from "@/lib/api/client";

/** Asks for a mail with which a new password can be chosen. */
export function Forgot() {
  const t = useTranslations("account");
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
      <AskForMail send={(email) => answer(api.POST("/api/v1/auth/password/forgot", { body: { email } }))} />
    </Door>
  );
}
