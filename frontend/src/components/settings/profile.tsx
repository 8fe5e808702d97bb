"use client";

import { useMutation, useQueryClient } from "@tanstack/react-query";
import Link from "next/link";
import type { FormEvent } from "react";
import { useTranslations } from "use-intl";
import { toast } from "sonner";
import { Line } from "./section";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { TextArea } from "@/components/ui/text-area";
import { answer, api, type User } from "@/lib/api/client";
import { ProblemError } from "@/lib/api/problem";
import { personHref } from "@/lib/community";
import { useFieldText, useProblemText } from "@/lib/use-problem-text";

type ProfileChange = { display_name: string; bio: string; links: string[]; full_name: string };

/** Who one is: what others see of it, and the name that they do not. */
export function Profile({ user }: { user: User }) {
  const t = useTranslations("settings");
  const text = useProblemText();
  const fieldText = useFieldText();
  const queries = useQueryClient();
  const save = useMutation({
    mutationFn: (body: ProfileChange) => answer(api.PATCH("/api/v1/users/me", { body })),
    onSuccess: (changed) => {
      queries.setQueryData(["me"], changed);
      void queries.invalidateQueries({ queryKey: ["person"] });
      toast(t("saved"));
    },
  });
  const problem = save.error instanceof ProblemError ? save.error : null;
  // Of a list, the one that it is about.
  const pointerOf = (name: string) => problem?.fields.find(({ pointer }) => pointer.startsWith(`/${name}`))?.pointer;
  const wrong = (name: string) => fieldText(save.error, pointerOf(name) ?? "");
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const said = (name: string) => String(form.get(name)).trim();
    save.mutate({
      display_name: said("display_name"),
      bio: said("bio").replaceAll("\r\n", "\n"),
      links: said("links").split(/\s+/).filter(Boolean),
      full_name: said("full_name"),
    });
  };
  return (
    <>
      <Line name={t("username")}>
        <Link prefetch={false} href={personHref(user.username)} className="touch:py-3 hover:underline">
          {user.username}
        </Link>
      </Line>
      <Line name={t("email")}>{user.email}</Line>
      {user.role !== "user" && <Line name={t("role")}>{user.role}</Line>}
      <form onSubmit={submit} className="grid gap-4 py-4">
        <div className="grid gap-4 sm:grid-cols-2">
          <Field
            label={t("shownName")}
            hint={t("shownNameHint")}
            name="display_name"
            defaultValue={user.display_name}
            maxLength={50}
            autoComplete="nickname"
            wrong={wrong("display_name")}
          />
          <Field
            label={t("fullName")}
            hint={t("fullNameHint")}
            name="full_name"
            defaultValue={user.full_name}
            maxLength={200}
            autoComplete="name"
            wrong={wrong("full_name")}
          />
        </div>
        <TextArea label={t("bio")} name="bio" defaultValue={user.bio} maxLength={1000} wrong={wrong("bio")} />
        <TextArea
          label={t("links")}
          hint={t("linksHint")}
          name="links"
          rows={2}
          defaultValue={user.links.join("\n")}
          placeholder="https://"
          inputMode="url"
          wrong={wrong("links")}
        />
        {save.error && !problem?.fields.length && (
          <p role="alert" className="text-sm text-bad">
            {text(save.error)}
          </p>
        )}
        <Button type="submit" disabled={save.isPending} className="justify-self-start">
          {t("save")}
        </Button>
      </form>
    </>
  );
}
