"use client";

import { keepPreviousData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { ChevronDown } from "lucide-react";
import { useState } from "react";
import { useTranslations } from "use-intl";
import { toast } from "sonner";
import { Button } from "@/components/ui/button";
import { inputClass, selectClass } from "@/components/ui/field";
import { Failed, Skeleton } from "@/components/ui/states";
import { answer, api, type User } from "@/lib/api/client";
import type { components } from "@/lib/api/schema";
import { clock } from "@/lib/format";
import { useSettled } from "@/lib/use-settled";
import { useProblemText } from "@/lib/use-problem-text";

type Change = components["schemas"]["UserChange"];

const ROLES = ["user", "moderator", "admin"] as const;

/** The accounts, to be found by name or address. */
export function People() {
  const t = useTranslations("admin");
  const library = useTranslations("library");
  const [typed, setTyped] = useState("");
  const search = useSettled(typed.trim());
  const people = useInfiniteQuery({
    queryKey: ["admin", "people", search],
    placeholderData: keepPreviousData,
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) =>
      answer(
        api.GET("/api/v1/admin/users", {
          signal,
          params: { query: { limit: 50, cursor: pageParam, ...(search ? { search } : {}) } },
        }),
      ),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
  const items = people.data?.pages.flatMap((page) => page.items) ?? [];
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
            <Person key={user.id} user={user} />
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

/** One account; what is not in the list is asked for when it is opened. */
function Person({ user }: { user: User }) {
  const t = useTranslations("admin");
  const guests = useTranslations("guest");
  const role = ROLES.find((known) => known === user.role);
  const text = useProblemText();
  const queries = useQueryClient();
  const [open, setOpen] = useState(false);
  const details = useQuery({
    queryKey: ["admin", "person", user.id],
    enabled: open,
    queryFn: () => answer(api.GET("/api/v1/admin/users/{user_id}", { params: { path: { user_id: user.id } } })),
  });
  const change = useMutation({
    mutationFn: (body: Change) =>
      answer(api.PATCH("/api/v1/admin/users/{user_id}", { params: { path: { user_id: user.id } }, body })),
    onSuccess: (changed) => toast(t("changed", { name: changed.username })),
    onError: (failure) => toast.error(text(failure)),
    onSettled: () => queries.invalidateQueries({ queryKey: ["admin"] }),
  });
  const suspended = details.data?.suspended ?? false;
  return (
    <li className="border-t border-line last:border-b">
      <button
        type="button"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
        className="flex w-full items-center gap-4 py-3 text-left"
      >
        <span className="min-w-0 flex-1">
          <span className="block truncate font-semibold">{user.username}</span>
          <span className="block truncate text-sm text-muted">{user.email}</span>
        </span>
        <span className="text-sm text-muted">{role === "user" ? "" : role ? t(`roles.${role}`) : guests("name")}</span>
        <ChevronDown size={17} aria-hidden className={`text-faint transition ${open ? "rotate-180" : ""}`} />
      </button>
      {open &&
        (details.error ? (
          <Failed failure={details.error} retry={() => void details.refetch()} />
        ) : !details.data ? (
          <Skeleton className="mb-4 h-12" />
        ) : (
          <div className="appear mb-4 flex flex-wrap items-center gap-3 rounded-lg bg-surface p-4">
            <p className="tabular mr-auto text-sm text-muted">
              {t("madeAndLeft", { made: clock(details.data.used_seconds), left: clock(details.data.balance_seconds) })}
              {suspended && <span className="ml-3 font-semibold text-bad">{t("suspended")}</span>}
            </p>
            <select
              aria-label={t("role", { name: user.username })}
              className={`${selectClass}`}
              value={details.data.role}
              disabled={change.isPending}
              onChange={(event) => change.mutate({ reason: "", role: event.target.value as Change["role"] })}
            >
              {ROLES.map((role) => (
                <option key={role} value={role}>
                  {t(`roles.${role}`)}
                </option>
              ))}
            </select>
            <Button
              size="small"
              look={suspended ? "quiet" : "danger"}
              disabled={change.isPending}
              onClick={() => change.mutate({ reason: "", suspended: !suspended })}
            >
              {suspended ? t("letIn") : t("suspend")}
            </Button>
          </div>
        ))}
    </li>
  );
}
