"use client";

import { ChevronDown, Webhook as WebhookSign } from "lucide-react";
import { useState, type FormEvent } from "react";
import { useTranslations } from "use-intl";
import { toast } from "sonner";
import { Deliveries } from "./deliveries";
import { Button } from "@/components/ui/button";
import { Confirm } from "@/components/ui/confirm";
import { Field } from "@/components/ui/field";
import { SecretOnce } from "@/components/ui/secret-once";
import { Failed, Skeleton } from "@/components/ui/states";
import { useFieldText, useProblemText } from "@/lib/use-problem-text";
import { EVENTS, eventName, useWebhookChanges, useWebhooks, type Webhook, type WebhookEvent } from "@/lib/webhooks";

/** Addresses that are called when something happens to what one makes. */
export function Webhooks() {
  const t = useTranslations("webhooks");
  const webhooks = useWebhooks();
  const [adding, setAdding] = useState(false);
  const [secret, setSecret] = useState<string | null>(null);
  const [deadOpen, setDeadOpen] = useState(false);
  return (
    <>
      {secret !== null && (
        <SecretOnce
          title={t("secretTitle")}
          text={t("secretOnce")}
          secret={secret}
          kept={t("kept")}
          onClose={() => setSecret(null)}
        />
      )}
      {webhooks.error && !webhooks.data ? (
        <Failed failure={webhooks.error} retry={() => void webhooks.refetch()} />
      ) : !webhooks.data ? (
        <Skeleton className="my-4 h-16" />
      ) : webhooks.data.length === 0 ? (
        <p className="py-4 text-muted">{t("none")}</p>
      ) : (
        <ul aria-label={t("title")} className="divide-y divide-line">
          {webhooks.data.map((webhook) => (
            <Line key={webhook.id} webhook={webhook} onSecret={setSecret} />
          ))}
        </ul>
      )}
      {adding ? (
        <NewWebhook
          onMade={(made) => {
            setAdding(false);
            setSecret(made);
          }}
          onCancel={() => setAdding(false)}
        />
      ) : (
        <div className="flex flex-wrap gap-2 py-4">
          <Button onClick={() => setAdding(true)}>{t("new")}</Button>
          <Button look="plain" aria-expanded={deadOpen} onClick={() => setDeadOpen(!deadOpen)}>
            {t("dead")}
            <ChevronDown size={15} aria-hidden className={`transition ${deadOpen ? "rotate-180" : ""}`} />
          </Button>
        </div>
      )}
      {deadOpen && (
        <div className="py-4">
          <p className="text-sm text-muted">{t("deadText")}</p>
          <Deliveries webhook={null} label={t("dead")} />
        </div>
      )}
    </>
  );
}

function Line({ webhook, onSecret }: { webhook: Webhook; onSecret: (secret: string | null) => void }) {
  const t = useTranslations("webhooks");
  const text = useProblemText();
  const { change, edit, test, renew, remove } = useWebhookChanges();
  const [editing, setEditing] = useState(false);
  const [open, setOpen] = useState(false);
  const [asked, setAsked] = useState<"delete" | "renew" | null>(null);
  const { id, url, active } = webhook;
  const complain = (failure: Error) => void toast.error(text(failure));
  const state = active
    ? t("on")
    : webhook.disabled_reason
      ? t("offBecause", { reason: webhook.disabled_reason })
      : t("off");
  const calls = webhook.events.flatMap((event) => {
    const known = EVENTS.find((name) => name === event);
    return known ? [t(`events.${eventName(known)}`)] : [];
  });
  return (
    <li className="py-3">
      <button
        type="button"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
        className="flex w-full items-center gap-4 text-left"
      >
        <WebhookSign size={18} aria-hidden className="shrink-0 text-faint" />
        <span className="min-w-0 flex-1">
          <span className="block truncate font-medium">{webhook.description || url}</span>
          {webhook.description && <span className="block truncate text-sm text-muted">{url}</span>}
          <span className={`block text-sm ${active ? "text-muted" : "text-bad"}`}>{state}</span>
        </span>
        <ChevronDown size={17} aria-hidden className={`shrink-0 text-faint transition ${open ? "rotate-180" : ""}`} />
      </button>
      {open && editing && (
        <Terms
          webhook={webhook}
          action={t("save")}
          busy={edit.isPending}
          failure={edit.error}
          onTerms={(terms) =>
            edit.mutate(
              { id, ...terms },
              {
                onSuccess: () => {
                  setEditing(false);
                  toast(t("saved"));
                },
              },
            )
          }
          onCancel={() => {
            edit.reset();
            setEditing(false);
          }}
        />
      )}
      {open && !editing && (
        <div className="appear mt-3">
          <p className="text-sm text-muted">
            {t("calls")} {calls.join(", ")}.
          </p>
          <div role="group" aria-label={t("more", { url })} className="mt-3 flex flex-wrap gap-2">
            <Button
              size="small"
              disabled={test.isPending || !active}
              onClick={() => test.mutate(id, { onSuccess: () => toast(t("testSent")), onError: complain })}
            >
              {t("test")}
            </Button>
            <Button
              size="small"
              disabled={change.isPending}
              onClick={() => change.mutate({ id, active: !active }, { onError: complain })}
            >
              {t(active ? "turnOff" : "turnOn")}
            </Button>
            <Button size="small" onClick={() => setEditing(true)}>
              {t("edit")}
            </Button>
            <Button size="small" aria-haspopup="dialog" onClick={() => setAsked("renew")}>
              {t("renew")}
            </Button>
            <Button size="small" look="danger" aria-haspopup="dialog" onClick={() => setAsked("delete")}>
              {t("delete")}
            </Button>
          </div>
          <h3 className="mt-4 text-sm font-semibold text-muted">{t("messages")}</h3>
          <Deliveries webhook={id} label={t("messagesOf", { url })} />
        </div>
      )}
      {asked === "delete" && (
        <Confirm
          title={t("deleteAsk")}
          text={t("deleteText", { url })}
          action={t("delete")}
          keep={t("cancel")}
          busy={remove.isPending}
          onAction={() =>
            remove.mutate(id, {
              onSuccess: () => toast(t("deleted")),
              onError: (failure) => {
                setAsked(null);
                complain(failure);
              },
            })
          }
          onClose={() => setAsked(null)}
        />
      )}
      {asked === "renew" && (
        <Confirm
          title={t("renewAsk")}
          text={t("renewText")}
          action={t("renew")}
          keep={t("cancel")}
          busy={renew.isPending}
          onAction={() =>
            renew.mutate(id, {
              onSuccess: ({ secret }) => onSecret(secret),
              onError: complain,
              onSettled: () => setAsked(null),
            })
          }
          onClose={() => setAsked(null)}
        />
      )}
    </li>
  );
}

function NewWebhook({ onMade, onCancel }: { onMade: (secret: string | null) => void; onCancel: () => void }) {
  const t = useTranslations("webhooks");
  const { make } = useWebhookChanges();
  return (
    <Terms
      action={t("make")}
      busy={make.isPending}
      failure={make.error}
      onTerms={(terms) => make.mutate(terms, { onSuccess: ({ secret }) => onMade(secret) })}
      onCancel={onCancel}
    />
  );
}

type TermsOf = { url: string; description: string; events: WebhookEvent[] };

/** What a webhook is: where, what for, and of what it hears. */
function Terms({
  webhook,
  action,
  busy,
  failure,
  onTerms,
  onCancel,
}: {
  webhook?: Webhook;
  action: string;
  busy: boolean;
  failure: Error | null;
  onTerms: (terms: TermsOf) => void;
  onCancel: () => void;
}) {
  const t = useTranslations("webhooks");
  const text = useProblemText();
  const fieldText = useFieldText();
  const [events, setEvents] = useState<readonly string[]>(webhook?.events ?? ["job.succeeded", "job.failed"]);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    onTerms({
      url: String(form.get("url")).trim(),
      description: String(form.get("description")).trim(),
      events: EVENTS.filter((name) => events.includes(name)),
    });
  };
  const wrong = fieldText(failure, "/url");
  return (
    <form onSubmit={submit} className="grid gap-4 py-5">
      <Field
        label={t("url")}
        hint={t("urlHint")}
        name="url"
        type="url"
        required
        maxLength={2000}
        autoFocus
        defaultValue={webhook?.url}
        placeholder="https://"
        wrong={wrong}
      />
      <Field label={t("description")} name="description" maxLength={200} defaultValue={webhook?.description} />
      <fieldset>
        <legend className="text-sm font-medium text-muted">{t("calls")}</legend>
        <div className="mt-2 grid gap-2 sm:grid-cols-2">
          {EVENTS.map((name) => (
            <label key={name} className="flex items-center gap-2.5 text-sm">
              <input
                type="checkbox"
                checked={events.includes(name)}
                onChange={(event) =>
                  setEvents(event.target.checked ? [...events, name] : events.filter((other) => other !== name))
                }
                className="size-4 accent-[var(--coral)]"
              />
              {t(`events.${eventName(name)}`)}
            </label>
          ))}
        </div>
      </fieldset>
      {failure && !wrong && (
        <p role="alert" className="text-sm text-bad">
          {text(failure)}
        </p>
      )}
      <div className="flex gap-2">
        <Button look="primary" type="submit" disabled={busy || !events.length}>
          {action}
        </Button>
        <Button look="plain" onClick={onCancel}>
          {t("cancel")}
        </Button>
      </div>
    </form>
  );
}
