"use client";

import { Link2, LockKeyhole } from "lucide-react";
import { useState, type FormEvent } from "react";
import { useFormatter, useTranslations } from "use-intl";
import { toast } from "sonner";
import { Button } from "@/components/ui/button";
import { CopyButton } from "@/components/ui/copy-button";
import { Field, inputClass, selectClass } from "@/components/ui/field";
import { Modal } from "@/components/ui/modal";
import { Failed, Skeleton } from "@/components/ui/states";
import type { Track } from "@/lib/api/client";
import { LIVES, sharedHref, useShareChanges, useShares, type Life, type Share } from "@/lib/sharing";
import { useProblemText } from "@/lib/use-problem-text";

/** Links that let somebody without an account hear a track: made, copied once, and ended. */
export default function ShareDialog({ track, onClose }: { track: Track; onClose: () => void }) {
  const t = useTranslations("share");
  const text = useProblemText();
  const shares = useShares(track.id);
  const { make, end } = useShareChanges(track.id);
  const [life, setLife] = useState<Life>("month");
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const password = String(new FormData(form).get("password"));
    make.mutate({ life, password }, { onSuccess: () => form.reset() });
  };
  const stop = (share: Share) =>
    end.mutate(share.id, {
      onSuccess: () => {
        if (make.data?.share.id === share.id) make.reset();
        toast(t("ended"));
      },
      onError: (failure) => toast.error(text(failure)),
    });
  return (
    <Modal label={t("title", { title: track.title })} onClose={onClose} className="w-[min(94vw,560px)]">
      <div className="p-5 sm:p-6">
        <h2 className="line-clamp-2 text-xl">{t("title", { title: track.title })}</h2>
        <p className="mt-2 text-muted">{t("lead")}</p>
        <form onSubmit={submit} className="mt-5 grid gap-4 sm:grid-cols-2">
          <label className="flex flex-col gap-1.5 text-sm font-medium text-muted">
            {t("life")}
            <select value={life} onChange={(event) => setLife(event.target.value as Life)} className={selectClass}>
              {(Object.keys(LIVES) as Life[]).map((name) => (
                <option key={name} value={name}>
                  {t(`lives.${name}`)}
                </option>
              ))}
            </select>
          </label>
          <Field
            label={t("password")}
            hint={t("passwordHint")}
            name="password"
            type="password"
            autoComplete="new-password"
            maxLength={256}
          />
          {make.error && (
            <p role="alert" className="text-sm text-bad sm:col-span-2">
              {text(make.error)}
            </p>
          )}
          <div className="flex flex-wrap gap-2 sm:col-span-2">
            <Button type="submit" look="primary" disabled={make.isPending}>
              <Link2 size={16} aria-hidden />
              {t("make")}
            </Button>
            <Button look="plain" onClick={onClose}>
              {t("close")}
            </Button>
          </div>
        </form>
        {make.data && <NewLink address={sharedHref(location.origin, make.data.token)} />}
        <h3 className="mt-6 text-sm font-semibold text-muted">{t("links")}</h3>
        {shares.error && !shares.data ? (
          <Failed failure={shares.error} retry={() => void shares.refetch()} />
        ) : !shares.data ? (
          <Skeleton className="mt-3 h-12" />
        ) : shares.data.length === 0 ? (
          <p className="mt-2 text-muted">{t("none")}</p>
        ) : (
          <ul className="mt-1 divide-y divide-line">
            {shares.data.map((share) => (
              <Line
                key={share.id}
                share={share}
                busy={end.isPending && end.variables === share.id}
                onEnd={() => stop(share)}
              />
            ))}
          </ul>
        )}
      </div>
    </Modal>
  );
}

function NewLink({ address }: { address: string }) {
  const t = useTranslations("share");
  return (
    <div role="status" className="appear mt-5 rounded-lg bg-sunken p-4">
      <p className="font-semibold">{t("made")}</p>
      <div className="mt-2 flex flex-wrap gap-2 sm:flex-nowrap">
        <input
          readOnly
          data-secret
          value={address}
          aria-label={t("link")}
          onFocus={(event) => event.currentTarget.select()}
          className={`${inputClass} font-mono text-sm`}
        />
        <CopyButton text={address} />
      </div>
      <p className="mt-2 text-[13px] text-muted">{t("once")}</p>
    </div>
  );
}

function Line({ share, busy, onEnd }: { share: Share; busy: boolean; onEnd: () => void }) {
  const t = useTranslations("share");
  const format = useFormatter();
  const [asked, setAsked] = useState(false);
  const { prefix, expires_at: end, has_password: locked, opened_count: count } = share;
  const over = end !== null && new Date(end) < new Date();
  const when = end === null ? "" : format.dateTime(new Date(end), { dateStyle: "medium", timeZone: undefined });
  const facts = [
    end === null ? t("noEnd") : over ? t("over") : t("until", { when }),
    t("opened", { count }),
    locked ? t("withPassword") : "",
  ];
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-2 py-3">
      <span className="min-w-0 flex-1 basis-48">
        <span className="flex items-center gap-1.5 font-mono text-sm">
          {prefix}…{locked && <LockKeyhole size={13} aria-hidden className="text-faint" />}
        </span>
        <span className="block text-sm text-muted">{facts.filter(Boolean).join(" · ")}</span>
      </span>
      {asked ? (
        <span className="flex gap-2">
          <Button size="small" look="danger" autoFocus disabled={busy} onClick={onEnd}>
            {t("endNow")}
          </Button>
          <Button size="small" look="plain" onClick={() => setAsked(false)}>
            {t("keep")}
          </Button>
        </span>
      ) : (
        <Button size="small" look="danger" aria-label={t("endLink", { prefix })} onClick={() => setAsked(true)}>
          {t("end")}
        </Button>
      )}
    </li>
  );
}
