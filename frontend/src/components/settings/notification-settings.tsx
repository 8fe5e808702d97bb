"use client";

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslations } from "use-intl";
import { toast } from "sonner";
import { selectClass } from "@/components/ui/field";
import { Failed, Skeleton } from "@/components/ui/states";
import { answer, api } from "@/lib/api/client";
import type { components } from "@/lib/api/schema";
import { useProblemText } from "@/lib/use-problem-text";

type Preferences = components["schemas"]["NotificationPreferences"];
type Change = components["schemas"]["PreferencesChange"];

const KEY = ["notification-preferences"];
const KINDS = ["follow", "like", "comment", "invitation"] as const;
const OFTEN = ["off", "daily", "weekly"] as const;

/** What one is told of, and how often by mail; changed at once, back as it was when the server refuses. */
export function NotificationSettings() {
  const t = useTranslations("tell");
  const text = useProblemText();
  const queries = useQueryClient();
  // As it was pressed, while the server is told: the cache's news come a moment after the press.
  const [pressed, setPressed] = useState<Change>({});
  const wishes = useQuery({ queryKey: KEY, queryFn: () => answer(api.GET("/api/v1/notifications/preferences")) });
  const change = useMutation({
    mutationKey: KEY,
    mutationFn: (body: Change) => answer(api.PATCH("/api/v1/notifications/preferences", { body })),
    onError: (failure) => toast.error(text(failure)),
    // An answer that was asked for between two changes knows of the first one only.
    onSettled: () => {
      if (queries.isMutating({ mutationKey: KEY }) > 1) return undefined;
      setPressed({});
      return queries.invalidateQueries({ queryKey: KEY });
    },
  });
  const wish = (body: Change) => {
    setPressed((known) => ({ ...known, ...body }));
    void queries.cancelQueries({ queryKey: KEY });
    queries.setQueryData<Preferences>(KEY, (known) => known && ({ ...known, ...body } as Preferences));
    change.mutate(body);
  };
  if (wishes.error && !wishes.data) return <Failed failure={wishes.error} retry={() => void wishes.refetch()} />;
  if (!wishes.data) return <Skeleton className="my-4 h-16" />;
  const data = { ...wishes.data, ...pressed } as Preferences;
  return (
    <>
      {KINDS.map((kind) => (
        <label key={kind} className="flex min-h-14 items-center justify-between gap-6 py-3">
          <span>{t(kind)}</span>
          <input
            type="checkbox"
            checked={data[kind]}
            onChange={(event) => wish({ [kind]: event.target.checked })}
            className="size-5 shrink-0 accent-[var(--coral)]"
          />
        </label>
      ))}
      <label className="flex min-h-14 flex-wrap items-center justify-between gap-x-6 gap-y-1 py-3">
        <span>
          {t("digest")}
          <span className="block text-sm text-muted">{t("digestHint")}</span>
        </span>
        <select
          value={data.digest}
          onChange={(event) => wish({ digest: event.target.value as Change["digest"] })}
          className={selectClass}
        >
          {OFTEN.map((name) => (
            <option key={name} value={name}>
              {t(`often.${name}`)}
            </option>
          ))}
        </select>
      </label>
    </>
  );
}
