"use client";

import { useMutation } from "@tanstack/react-query";
import { useTranslations } from "use-intl";
import { AskForMail } from "./ask-for-mail";
import { Door } from "./door";
import { useMailToken } from "./mail-token";
import { Button, ButtonLink } from "@/components/ui/button";
import { answer, api } from "@/lib/api/client";
import { ProblemError } from "@/lib/api/problem";
import { useProblemText } from "@/lib/use-problem-text";

/** Proves an address by the token of a mail; on a press, so that a mail program's look ahead does not use the token up. */
export function VerifyEmail() {
  const t = useTranslations("account");
  const text = useProblemText();
  const token = useMailToken();
  const verify = useMutation({
    mutationFn: () => answer(api.POST("/api/v1/auth/email/verify", { body: { token: token ?? "" } })),
  });
  const refused = verify.error instanceof ProblemError && verify.error.status >= 400 && verify.error.status < 500;
  if (token === "" || refused)
    return (
      <Door title={t("verifyOver")} lead={t("linkBroken")} foot={null}>
        <AskForMail send={(email) => answer(api.POST("/api/v1/auth/email/resend", { body: { email } }))} />
      </Door>
    );
  return (
    <Door title={t("verifyTitle")} lead={t("verifyLead")} foot={null}>
      {verify.isSuccess ? (
        <div role="status" className="flex flex-col gap-4">
          <p>{t("verifyDone")}</p>
          <ButtonLink look="primary" size="large" href="/sign-in/">
            {t("signIn")}
          </ButtonLink>
        </div>
      ) : (
        <div className="flex flex-col gap-4">
          {verify.error && (
            <p role="alert" className="text-sm text-bad">
              {text(verify.error)}
            </p>
          )}
          <Button
            look="primary"
            size="large"
            disabled={verify.isPending || token === null}
            onClick={() => verify.mutate()}
          >
            {t("verify")}
          </Button>
        </div>
      )}
    </Door>
  );
}
