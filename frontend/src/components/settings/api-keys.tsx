"use client";

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { KeyRound } from "lucide-react";
import { useState, type FormEvent } from "react";
import { useFormatter, useTranslations } from "use-intl";
import { toast } from "sonner";
import { Button } from "@/components/ui/button";
import { Field, selectClass } from "@/components/ui/field";
import { SecretOnce } from "@/components/ui/secret-once";
import { Failed, Skeleton } from "@/components/ui/states";
import { answer, api, type ApiKey, type User } from "@/lib/api/client";
import { useProblemText } from "@/lib/use-problem-text";

const SCOPES = ["read", "generate", "write", "admin"] as const;
type Scope = (typeof SCOPES)[number];

/** Days that a key may live; 0: it does not expire. */
const LIFETIMES = [30, 90, 365, 0] as const;

/** Keys for programs: made, shown once, and ended. */
export function ApiKeys({ user }: { user: User }) {
  const t = useTranslations("settings");
  const text = useProblemText();
  const queries = useQueryClient();
  const [open, setOpen] = useState(false);
  const keys = useQuery({
    queryKey: ["api-keys"],
    queryFn: async () => (await answer(api.GET("/api/v1/api-keys"))).items,
  });
  const reread = () => queries.invalidateQueries({ queryKey: ["api-keys"] });
  const make = useMutation({
    mutationFn: (body: { name: string; scopes: Scope[]; expires_in_days: number | null }) =>
      answer(api.POST("/api/v1/api-keys", { body })),
    onSuccess: () => {
      setOpen(false);
      void reread();
    },
  });
  const revoke = useMutation({
    mutationFn: (id: string) => answer(api.DELETE("/api/v1/api-keys/{key_id}", { params: { path: { key_id: id } } })),
    onSuccess: () => toast(t("keyEnded")),
    onError: (failure) => toast.error(text(failure)),
    onSettled: reread,
  });
  return (
    <>
      {make.data && (
        <SecretOnce
          title={t("keyMade", { name: make.data.key.name })}
          text={t("keyOnce")}
          secret={make.data.secret}
          kept={t("keyKept")}
          onClose={() => make.reset()}
        />
      )}
      {keys.error ? (
        <Failed failure={keys.error} retry={() => void keys.refetch()} />
      ) : !keys.data ? (
        <Skeleton className="my-4 h-16" />
      ) : keys.data.length === 0 ? (
        <p className="py-4 text-muted">{t("noKeys")}</p>
      ) : (
        <ul aria-label={t("keys")} className="divide-y divide-line">
          {keys.data.map((key) => (
            <Key
              key={key.id}
              apiKey={key}
              busy={revoke.isPending && revoke.variables === key.id}
              onRevoke={() => revoke.mutate(key.id)}
            />
          ))}
        </ul>
      )}
      {open ? (
        <KeyForm
          user={user}
          busy={make.isPending}
          failure={make.error ? text(make.error) : null}
          onMake={(body) => make.mutate(body)}
          onCancel={() => {
            setOpen(false);
            make.reset();
          }}
        />
      ) : (
        <div className="py-4">
          <Button onClick={() => setOpen(true)}>{t("newKey")}</Button>
        </div>
      )}
    </>
  );
}

function Key({ apiKey, busy, onRevoke }: { apiKey: ApiKey; busy: boolean; onRevoke: () => void }) {
  const t = useTranslations("settings");
  const format = useFormatter();
  const [asked, setAsked] = useState(false);
  const { name, prefix, scopes, expires_at, last_used_at } = apiKey;
  const expired = expires_at !== null && new Date(expires_at) < new Date();
  const day = (time: string) => format.dateTime(new Date(time), { dateStyle: "medium", timeZone: undefined });
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-2 py-3">
      <KeyRound size={18} aria-hidden className="shrink-0 text-faint" />
      <div className="min-w-0 flex-1 basis-56">
        <p className="truncate font-medium">
          {name} <span className="font-mono text-sm font-normal text-muted">{prefix}…</span>
        </p>
        <p className="text-sm text-muted">
          {[
            scopes.map((scope) => t(`scopes.${scope}`)).join(", "),
            expires_at === null ? t("neverExpires") : expired ? t("expired") : t("expires", { when: day(expires_at) }),
            last_used_at ? t("lastUsed", { when: day(last_used_at) }) : t("neverUsed"),
          ].join(" · ")}
        </p>
      </div>
      {asked ? (
        <span className="flex gap-2" onKeyDown={(event) => event.key === "Escape" && setAsked(false)}>
          <Button size="small" look="danger" autoFocus disabled={busy} onClick={onRevoke}>
            {t("revokeNow", { name })}
          </Button>
          <Button size="small" look="plain" onClick={() => setAsked(false)}>
            {t("cancel")}
          </Button>
        </span>
      ) : (
        <Button size="small" look="danger" aria-label={t("revokeKey", { name })} onClick={() => setAsked(true)}>
          {t("revoke")}
        </Button>
      )}
    </li>
  );
}

function KeyForm({
  user,
  busy,
  failure,
  onMake,
  onCancel,
}: {
  user: User;
  busy: boolean;
  failure: string | null;
  onMake: (body: { name: string; scopes: Scope[]; expires_in_days: number | null }) => void;
  onCancel: () => void;
}) {
  const t = useTranslations("settings");
  const [scopes, setScopes] = useState<Scope[]>(["read", "generate"]);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    onMake({ name: String(form.get("name")).trim(), scopes, expires_in_days: Number(form.get("days")) || null });
  };
  return (
    <form onSubmit={submit} className="grid gap-4 py-5">
      <div className="grid gap-4 sm:grid-cols-2">
        <Field label={t("keyName")} name="name" required maxLength={100} autoFocus placeholder={t("keyNameExample")} />
        <label className="flex flex-col gap-1.5 text-sm font-medium text-muted">
          {t("lifetime")}
          <select name="days" defaultValue={90} className={selectClass}>
            {LIFETIMES.map((days) => (
              <option key={days} value={days}>
                {days ? t("days", { days }) : t("neverExpires")}
              </option>
            ))}
          </select>
        </label>
      </div>
      <fieldset>
        <legend className="text-sm font-medium">{t("mayDo")}</legend>
        <div className="mt-2 grid gap-2 sm:grid-cols-2">
          {SCOPES.filter((scope) => scope !== "admin" || user.role === "admin").map((scope) => (
            <label key={scope} className="flex gap-2.5 text-sm">
              <input
                type="checkbox"
                checked={scopes.includes(scope)}
                onChange={(event) =>
                  setScopes(event.target.checked ? [...scopes, scope] : scopes.filter((other) => other !== scope))
                }
                className="mt-0.5 size-4 accent-[var(--coral)]"
              />
              <span>
                <span className="font-medium">{t(`scopes.${scope}`)}</span>
                <span className="block text-muted">{t(`scopeTexts.${scope}`)}</span>
              </span>
            </label>
          ))}
        </div>
      </fieldset>
      {failure && (
        <p role="alert" className="text-sm text-bad">
          {failure}
        </p>
      )}
      <div className="flex gap-2">
        <Button look="primary" type="submit" disabled={busy || !scopes.length}>
          {t("makeKey")}
        </Button>
        <Button look="plain" onClick={onCancel}>
          {t("cancel")}
        </Button>
      </div>
    </form>
  );
}
