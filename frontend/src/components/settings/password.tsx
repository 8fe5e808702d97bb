"use client";

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { useTranslations } from "use-intl";
import { toast } from "sonner";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { answer, api } from "@/lib/api/client";
import { useFieldText, useProblemText } from "@/lib/use-problem-text";

/** A new password by the present one; it ends every other session. */
export function Password() {
  const t = useTranslations("settings");
  const text = useProblemText();
  const fieldText = useFieldText();
  const queries = useQueryClient();
  const [open, setOpen] = useState(false);
  const change = useMutation({
    mutationFn: (body: { present_password: string; password: string }) =>
      answer(api.POST("/api/v1/auth/password/change", { body })),
    onSuccess: () => {
      setOpen(false);
      toast(t("passwordChanged"));
      void queries.invalidateQueries({ queryKey: ["sessions"] });
    },
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    change.mutate({ present_password: String(form.get("present")), password: String(form.get("new")) });
  };
  const wrong = fieldText(change.error, "/password");
  if (!open)
    return (
      <div className="py-4">
        <Button onClick={() => setOpen(true)}>{t("changePassword")}</Button>
      </div>
    );
  return (
    <form onSubmit={submit} className="grid gap-4 py-5 sm:grid-cols-2">
      <Field
        label={t("presentPassword")}
        name="present"
        type="password"
        autoComplete="current-password"
        required
        autoFocus
      />
      <Field
        label={t("newPassword")}
        name="new"
        type="password"
        autoComplete="new-password"
        required
        minLength={8}
        wrong={wrong}
      />
      {change.error && !wrong && (
        <p role="alert" className="text-sm text-bad sm:col-span-2">
          {text(change.error)}
        </p>
      )}
      <div className="flex gap-2 sm:col-span-2">
        <Button look="primary" type="submit" disabled={change.isPending}>
          {t("changePassword")}
        </Button>
        <Button look="plain" onClick={() => setOpen(false)}>
          {t("cancel")}
        </Button>
      </div>
    </form>
  );
}
