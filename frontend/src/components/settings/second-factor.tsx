"use client";

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Download, ShieldCheck } from "lucide-react";
import { useMemo, useState, type FormEvent } from "react";
import { useTranslations } from "use-intl";
import { toast } from "sonner";
import { Button } from "@/components/ui/button";
import { CopyButton } from "@/components/ui/copy-button";
import { Field } from "@/components/ui/field";
import { answer, api, type User } from "@/lib/api/client";
import { qrCode, qrPath } from "@/lib/qr";
import { useFieldText, useProblemText } from "@/lib/use-problem-text";

type Step = "resting" | "password" | "scan" | "codes" | "off";

/** Codes of an authenticator app at sign-in: set up, confirmed, with recovery codes; and turned off again. */
export function SecondFactor({ user }: { user: User }) {
  const t = useTranslations("settings");
  const text = useProblemText();
  const fieldText = useFieldText();
  const queries = useQueryClient();
  const [step, setStep] = useState<Step>("resting");
  const reread = () => queries.invalidateQueries({ queryKey: ["me"] });
  const enroll = useMutation({
    mutationFn: (password: string) => answer(api.POST("/api/v1/auth/totp/enroll", { body: { password } })),
    onSuccess: () => setStep("scan"),
  });
  const confirm = useMutation({
    mutationFn: (code: string) => answer(api.POST("/api/v1/auth/totp/confirm", { body: { code } })),
    onSuccess: () => {
      setStep("codes");
      // The key has done its work: it leaves the page's memory.
      enroll.reset();
      void reread();
    },
  });
  const disable = useMutation({
    mutationFn: (body: { password: string; code: string }) => answer(api.POST("/api/v1/auth/totp/disable", { body })),
    onSuccess: () => {
      setStep("resting");
      toast(t("factorIsOff"));
      void reread();
    },
  });
  const close = () => {
    setStep("resting");
    for (const call of [enroll, confirm, disable]) call.reset();
  };
  const submit = (act: (form: FormData) => void) => (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    act(new FormData(event.currentTarget));
  };
  const code = (form: FormData) => String(form.get("code")).replaceAll(" ", "");

  if (step === "codes" && confirm.data)
    return <RecoveryCodes codes={confirm.data.recovery_codes} username={user.username} onClose={close} />;
  if (step === "scan" && enroll.data)
    return (
      <form onSubmit={submit((form) => confirm.mutate(code(form)))} className="py-5">
        <h3 className="font-semibold">{t("scanTitle")}</h3>
        <div className="mt-3 flex flex-wrap gap-6">
          <QrCode text={enroll.data.uri} label={t("qrLabel")} />
          <div className="flex min-w-60 flex-1 flex-col gap-4">
            <p className="text-sm text-muted">
              {t("scanText")}
              <code className="tabular mt-2 block break-all rounded-md bg-sunken px-2 py-1.5 text-ink">
                {enroll.data.secret.replace(/(.{4})(?=.)/g, "$1 ")}
              </code>
            </p>
            <Field
              label={t("code")}
              name="code"
              inputMode="numeric"
              autoComplete="one-time-code"
              pattern="[0-9 ]{6,7}"
              required
              autoFocus
              wrong={confirm.error ? (fieldText(confirm.error, "/code") ?? text(confirm.error)) : undefined}
            />
            <Buttons submit={t("turnOn")} busy={confirm.isPending} onCancel={close} />
          </div>
        </div>
      </form>
    );
  if (step === "password" || step === "off") {
    const failure = step === "off" ? disable.error : enroll.error;
    const wrongPassword = fieldText(failure, "/password");
    return (
      <form
        onSubmit={submit((form) =>
          step === "off"
            ? disable.mutate({ password: String(form.get("password")), code: code(form) })
            : enroll.mutate(String(form.get("password"))),
        )}
        className="grid gap-4 py-5 sm:grid-cols-2"
      >
        <Field
          label={t("presentPassword")}
          name="password"
          type="password"
          autoComplete="current-password"
          required
          autoFocus
          wrong={wrongPassword}
        />
        {step === "off" && (
          <Field
            label={t("code")}
            hint={t("codeOrRecovery")}
            name="code"
            autoComplete="one-time-code"
            required
            minLength={6}
          />
        )}
        {failure && !wrongPassword && (
          <p role="alert" className="text-sm text-bad sm:col-span-2">
            {step === "off" ? (fieldText(failure, "/code") ?? text(failure)) : text(failure)}
          </p>
        )}
        <div className="sm:col-span-2">
          <Buttons
            submit={step === "off" ? t("turnOff") : t("goOn")}
            busy={enroll.isPending || disable.isPending}
            onCancel={close}
          />
        </div>
      </form>
    );
  }
  return (
    <div className="flex flex-wrap items-center gap-x-6 gap-y-3 py-4">
      <div className="min-w-0 flex-1 basis-64">
        <p className="flex items-center gap-2 font-medium">
          <ShieldCheck size={18} aria-hidden className={user.second_factor ? "text-good" : "text-faint"} />
          {user.second_factor ? t("factorOn") : t("factorOff")}
        </p>
        <p className="mt-0.5 text-sm text-muted">{t("factorText")}</p>
      </div>
      <Button onClick={() => setStep(user.second_factor ? "off" : "password")}>
        {user.second_factor ? t("turnOff") : t("setUp")}
      </Button>
    </div>
  );
}

function Buttons({ submit, busy, onCancel }: { submit: string; busy: boolean; onCancel: () => void }) {
  const t = useTranslations("settings");
  return (
    <div className="flex gap-2">
      <Button look="primary" type="submit" disabled={busy}>
        {submit}
      </Button>
      <Button look="plain" onClick={onCancel}>
        {t("cancel")}
      </Button>
    </div>
  );
}

/** Dark on light in both themes: readers expect it. */
function QrCode({ text, label }: { text: string; label: string }) {
  const code = useMemo(() => qrCode(text), [text]);
  const size = code.length + 8;
  return (
    <svg
      role="img"
      aria-label={label}
      viewBox={`-4 -4 ${size} ${size}`}
      shapeRendering="crispEdges"
      className="size-48 shrink-0 rounded-lg bg-white"
    >
      <path d={qrPath(code)} fill="#000" />
    </svg>
  );
}

function RecoveryCodes({ codes, username, onClose }: { codes: string[]; username: string; onClose: () => void }) {
  const t = useTranslations("settings");
  const text = codes.join("\n");
  const file = `data:text/plain;charset=utf-8,${encodeURIComponent(`${text}\n`)}`;
  return (
    <div className="py-5">
      <h3 className="font-semibold">{t("codesTitle")}</h3>
      <p className="mt-1 text-sm text-muted">{t("codesText")}</p>
      <ul aria-label={t("codesTitle")} className="tabular mt-4 grid grid-cols-2 gap-2 sm:grid-cols-3">
        {codes.map((code) => (
          <li key={code} className="rounded-md bg-sunken px-2 py-1.5 text-center font-mono text-sm">
            {code}
          </li>
        ))}
      </ul>
      <div className="mt-4 flex flex-wrap gap-2">
        <CopyButton text={text} />
        <a
          href={file}
          download={`recovery-codes-${username}.txt`}
          className="inline-flex h-10 touch:h-11 items-center gap-2 rounded-lg border border-line bg-surface px-4 font-semibold transition hover:border-line-strong hover:bg-raised"
        >
          <Download size={16} aria-hidden />
          {t("download")}
        </a>
        <Button look="primary" onClick={onClose}>
          {t("codesKept")}
        </Button>
      </div>
    </div>
  );
}
