"use client";

import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { FormEvent } from "react";
import { useTranslations } from "use-intl";
import { toast } from "sonner";
import { Line } from "./section";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { answer, api, type User } from "@/lib/api/client";
import { useProblemText } from "@/lib/use-problem-text";

/** Who one is, as far as it can be changed. */
export function Profile({ user }: { user: User }) {
  const t = useTranslations("settings");
  const text = useProblemText();
  const queries = useQueryClient();
  const save = useMutation({
    mutationFn: (full_name: string) => answer(api.PATCH("/api/v1/users/me", { body: { full_name } })),
    onSuccess: (changed) => {
      queries.setQueryData(["me"], changed);
      toast(t("saved"));
    },
    onError: (failure) => toast.error(text(failure)),
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    save.mutate(String(new FormData(event.currentTarget).get("full_name")).trim());
  };
  return (
    <>
      <Line name={t("username")}>{user.username}</Line>
      <Line name={t("email")}>{user.email}</Line>
      {user.role !== "user" && <Line name={t("role")}>{user.role}</Line>}
      <form onSubmit={submit} className="py-4">
        <Field label={t("fullName")} name="full_name" defaultValue={user.full_name} maxLength={200} autoComplete="name">
          <Button type="submit" disabled={save.isPending}>
            {t("save")}
          </Button>
        </Field>
      </form>
    </>
  );
}
