"use client";

import { keepPreviousData, useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { useDeferredValue, useState } from "react";
import { useTranslations } from "use-intl";
import { toast } from "sonner";
import { Button } from "@/components/ui/button";
import { inputClass, selectClass } from "@/components/ui/field";
import { Failed, Skeleton } from "@/components/ui/states";
import { answer, api } from "@/lib/api/client";
import type { components } from "@/lib/api/schema";
import { useProblemText } from "@/lib/use-problem-text";

type Change = components["schemas"]["UserChange"];
type Managed = components["schemas"]["ManagedUser"];

const ROLES = ["user", "moderator", "admin"] as const;

/** The accounts: their roles, and whether they are let in. */
export function People() {
  const t = useTranslations("admin");
  const library = useTranslations("library");
  const text = useProblemText();
  const queries = useQueryClient();
  const [typed, setTyped] = useState("");
  const search = useDeferredValue(typed.trim());
  const people = useInfiniteQuery({
    queryKey: ["admin", "people", search],
    placeholderData: keepPreviousData,
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) =>
      answer(
        api.GET("/api/v1/admin/users", {
          params: { query: { limit: 50, cursor: pageParam, ...(search ? { search } : {}) } },
        }),
      ),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
  const change = useMutation({
    mutationFn: ({ id, body }: { id: string; body: Change }) =>
      answer(api.PATCH("/api/v1/admin/users/{user_id}", { params: { path: { user_id: id } }, body })),
    onSuccess: (user) => toast(t("changed", { name: user.username })),
    onError: (failure) => toast.error(text(failure)),
    onSettled: () => queries.invalidateQueries({ queryKey: ["admin"] }),
  });
  const items: Managed[] = people.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <>
      <label className="mt-4 block max-w-sm">
        <span className="sr-only">{t("search")}</span>
        <input
          type="search"
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
          placeholder={t("search")}
          className={inputClass}
        />
      </label>
      {people.error && !people.data ? (
        <Failed failure={people.error} retry={() => void people.refetch()} />
      ) : people.isPending ? (
        <Skeleton className="mt-4 h-40" />
      ) : items.length === 0 ? (
        <p className="mt-6 text-muted">{t("nobody")}</p>
      ) : (
        <ul className="mt-4 flex flex-col">
          {items.map((user) => (
            <li
              key={user.id}
              className="flex flex-wrap items-center gap-x-4 gap-y-2 border-t border-line py-3 last:border-b"
            >
              <div className="min-w-0 flex-1 basis-48">
                <p className="truncate font-semibold">{user.username}</p>
                <p className="truncate text-sm text-muted">{user.email}</p>
              </div>
              {user.suspended && (
                <span className="rounded-full border border-bad px-2.5 py-0.5 text-[13px] text-bad">
                  {t("suspended")}
                </span>
              )}
              <select
                aria-label={t("role", { name: user.username })}
                className={`${selectClass} h-9`}
                value={user.role}
                disabled={change.isPending}
                onChange={(event) =>
                  change.mutate({ id: user.id, body: { role: event.target.value as Change["role"] } })
                }
              >
                {ROLES.map((role) => (
                  <option key={role} value={role}>
                    {t(`roles.${role}`)}
                  </option>
                ))}
              </select>
              <Button
                size="small"
                look={user.suspended ? "quiet" : "danger"}
                disabled={change.isPending}
                onClick={() => change.mutate({ id: user.id, body: { suspended: !user.suspended } })}
              >
                {user.suspended ? t("letIn") : t("suspend")}
              </Button>
            </li>
          ))}
        </ul>
      )}
      {people.hasNextPage && (
        <Button className="mt-4" onClick={() => void people.fetchNextPage()} disabled={people.isFetchingNextPage}>
          {library("more")}
        </Button>
      )}
    </>
  );
}
