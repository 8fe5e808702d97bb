"use client";

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { useFormatter, useTranslations } from "use-intl";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { Modal } from "@/components/ui/modal";
import { answer, api, type User } from "@/lib/api/client";
import { ProblemError } from "@/lib/api/problem";
import { useProblemText } from "@/lib/use-problem-text";

/** The account and everything in it, gone after a while in which signing in keeps it. */
export function DeleteAccount({ user }: { user: User }) {
  const t = useTranslations("settings");
  const format = useFormatter();
  const text = useProblemText();
  const queries = useQueryClient();
  const [open, setOpen] = useState(false);
  const [name, setName] = useState("");
  const remove = useMutation({
    mutationFn: (password: string) => answer(api.DELETE("/api/v1/users/me", { body: { password } })),
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    remove.mutate(String(new FormData(event.currentTarget).get("password")));
  };
  const due = remove.data?.deletion_due_at;
  const leave = () => {
    queries.clear();
    location.assign("/");
  };
  const wrong = remove.error instanceof ProblemError ? remove.error.field("/password") : undefined;
  return (
    <div className="flex flex-wrap items-center gap-x-6 gap-y-3 py-4">
      <p className="min-w-0 flex-1 basis-64 text-sm text-muted">{t("deleteText")}</p>
      <Button look="danger" onClick={() => setOpen(true)}>
        {t("deleteAccount")}
      </Button>
      {open && (
        <Modal
          label={t("deleteAccount")}
          onClose={() => (remove.data ? leave() : setOpen(false))}
          className="w-[min(92vw,460px)]"
        >
          {remove.data ? (
            <div className="p-6">
              <h2 className="text-xl">{t("deletedTitle")}</h2>
              <p className="mt-2 text-muted">
                {t("deletedText", {
                  when: due ? format.dateTime(new Date(due), { dateStyle: "long", timeZone: undefined }) : "–",
                })}
              </p>
              <Button look="primary" className="mt-5" onClick={leave}>
                {t("leave")}
              </Button>
            </div>
          ) : (
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
          )}
        </Modal>
      )}
    </div>
  );
}
