"use client";

import { useMutation } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { useFormatter, useTranslations } from "use-intl";
import { Button, buttonClass } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { Modal } from "@/components/ui/modal";
import { answer, api, type User } from "@/lib/api/client";
import { useFieldText, useProblemText } from "@/lib/use-problem-text";

/** The account and everything in it, gone after a while in which signing in keeps it. */
export function DeleteAccount({ user, onClosed }: { user: User; onClosed: (due: string) => void }) {
  const t = useTranslations("settings");
  const text = useProblemText();
  const fieldText = useFieldText();
  const [open, setOpen] = useState(false);
  const [name, setName] = useState("");
  const remove = useMutation({
    mutationFn: (password: string) => answer(api.DELETE("/api/v1/users/me", { body: { password } })),
    onSuccess: (gone) => onClosed(gone.deletion_due_at ?? ""),
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    remove.mutate(String(new FormData(event.currentTarget).get("password")));
  };
  const wrong = fieldText(remove.error, "/password");
  return (
    <div className="flex flex-wrap items-center gap-x-6 gap-y-3 py-4">
      <p className="min-w-0 flex-1 basis-64 text-sm text-muted">{t("deleteText")}</p>
      <Button look="danger" onClick={() => setOpen(true)}>
        {t("deleteAccount")}
      </Button>
      {open && (
        <Modal label={t("deleteAccount")} onClose={() => setOpen(false)} className="w-[min(92vw,460px)]">
          <form onSubmit={submit} className="flex flex-col gap-4 p-6">
            <h2 className="text-xl">{t("deleteTitle")}</h2>
            <p className="text-muted">{t("deleteWarning")}</p>
            <Field
              label={t("typeName", { name: user.username })}
              value={name}
              onChange={(event) => setName(event.target.value)}
              autoComplete="off"
              autoCapitalize="none"
              autoFocus
              required
            />
            <Field
              label={t("presentPassword")}
              name="password"
              type="password"
              autoComplete="current-password"
              required
              wrong={wrong}
            />
            {remove.error && !wrong && (
              <p role="alert" className="text-sm text-bad">
                {text(remove.error)}
              </p>
            )}
            <div className="flex gap-2">
              <Button look="danger" type="submit" disabled={name !== user.username || remove.isPending}>
                {t("deleteForGood")}
              </Button>
              <Button look="plain" onClick={() => setOpen(false)}>
                {t("cancel")}
              </Button>
            </div>
          </form>
        </Modal>
      )}
    </div>
  );
}

/** What is said when the account is closed: nobody is signed in any more. */
export function AccountClosed({ due }: { due: string }) {
  const t = useTranslations("settings");
  const format = useFormatter();
  return (
    <div className="mx-auto w-full max-w-[560px] px-4 py-20 md:px-6">
      <h1 className="text-3xl">{t("deletedTitle")}</h1>
      <p role="status" className="mt-3 text-muted">
        {t("deletedText", {
          when: due ? format.dateTime(new Date(due), { dateStyle: "long", timeZone: undefined }) : "–",
        })}
      </p>
      {/* A whole load: nothing of the account stays in the page. */}
      <a href="/" className={buttonClass("primary", "medium", "mt-6")}>
        {t("leave")}
      </a>
    </div>
  );
}
