"use client";

import { Loader, X } from "lucide-react";
import { useEffect, useMemo, useState, type FormEvent } from "react";
import { useFormatter, useNow, useTranslations } from "use-intl";
import { toast } from "sonner";
import { VersionRow } from "./version-row";
import { useOpenVersion } from "./use-open-version";
import { Button, IconButton } from "@/components/ui/button";
import { Confirm } from "@/components/ui/confirm";
import { Field } from "@/components/ui/field";
import { Skeleton } from "@/components/ui/states";
import { ProblemError } from "@/lib/api/problem";
import { fingerprint } from "@/lib/audio/differences";
import type { MixLink } from "@/lib/audio/kept";
import { arrangementOf } from "@/lib/audio/session";
import { useMix, useMixChanges, useMixes, useMixVersions } from "@/lib/mixes";
import { useProblemText } from "@/lib/use-problem-text";
import { useStudio } from "@/stores/studio";

const LONGEST_NOTE = 200;

const isGone = (failure: unknown) => failure instanceof ProblemError && failure.status === 404;

/** The mix as it was kept on the server: save it, look at what it was, bring that back, or make sound of it. */
export function VersionsPanel({ onClose }: { onClose: () => void }) {
  const t = useTranslations("mixes");
  const link = useStudio((studio) => studio.mix);
  return (
    <section aria-label={t("title")} className="border-b border-line p-5">
      <div className="mb-3 flex items-center justify-between">
        <h2 className="text-lg">{t("title")}</h2>
        <IconButton label={t("close")} size="small" onClick={onClose}>
          <X size={16} />
        </IconButton>
      </div>
      {link ? <Chain key={link.id} link={link} /> : <Unkept />}
    </section>
  );
}

/** The line that names what is saved, and the button. */
function Save({
  busy,
  label,
  hint,
  wrong,
  onSave,
}: {
  busy: boolean;
  label: string;
  hint?: string;
  wrong?: string;
  onSave: (note: string, done: () => void) => void;
}) {
  const t = useTranslations("mixes");
  const [note, setNote] = useState("");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!busy) onSave(note.trim(), () => setNote(""));
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-3">
      <Field
        label={t("note")}
        hint={hint}
        wrong={wrong}
        value={note}
        maxLength={LONGEST_NOTE}
        placeholder={t("noteExample")}
        autoComplete="off"
        autoFocus
        onChange={(event) => setNote(event.target.value)}
      />
      <Button type="submit" look="quiet" disabled={busy}>
        {busy && <Loader size={16} className="animate-spin" aria-hidden />}
        {label}
      </Button>
    </form>
  );
}

/** Nothing of this project is on the server yet: begin a mix, or go on with one that is there. */
function Unkept() {
  const t = useTranslations("mixes");
  const text = useProblemText();
  const { title, bpm, link } = useStudio();
  const [others, setOthers] = useState(false);
  const { begin } = useMixChanges();
  const mixes = useMixes(others);
  const format = useFormatter();
  const now = useNow();
  const save = (note: string, done: () => void) => {
    const arrangement = arrangementOf(useStudio.getState());
    const name = title.trim() || t("untitled");
    // By the promise: the panel shows another face as soon as the project is linked.
    begin.mutateAsync({ projectId: useStudio.getState().projectId, arrangement, bpm, note, title: name }).then(
      (mix) => {
        toast(t("saved", { number: mix.version }));
        done();
      },
      // The form shows why.
      () => undefined,
    );
  };
  return (
    <>
      <p className="mb-4 text-sm text-muted">{t("emptyText")}</p>
      <Save busy={begin.isPending} label={t("saveFirst")} wrong={begin.error ? text(begin.error) : ""} onSave={save} />
      {!others ? (
        <Button look="plain" size="small" className="mt-3" onClick={() => setOthers(true)}>
          {t("others")}
        </Button>
      ) : (
        <div className="mt-5">
          <h3 className="text-sm font-semibold">{t("othersTitle")}</h3>
          {mixes.isPending ? (
            <Skeleton className="mt-2 h-16" />
          ) : mixes.error && !mixes.items.length ? (
            <Trouble failure={mixes.error} retry={() => void mixes.refetch()} />
          ) : !mixes.items.length ? (
            <p className="mt-2 text-sm text-muted">{t("noOthers")}</p>
          ) : (
            <ul className="mt-2 flex flex-col">
              {mixes.items.map((mix) => (
                <li key={mix.id}>
                  <button
                    type="button"
                    onClick={() => link({ id: mix.id, base: mix.version, saved: "" })}
                    className="flex w-full items-baseline justify-between gap-3 rounded-md px-2 py-1.5 text-left hover:bg-raised"
                  >
                    <span className="truncate font-medium">{mix.title}</span>
                    <span className="tabular shrink-0 text-[13px] text-muted">
                      {t("version", { number: mix.version })} · {format.relativeTime(new Date(mix.updated_at), now)}
                    </span>
                  </button>
                </li>
              ))}
            </ul>
          )}
          {mixes.hasNextPage && (
            <Button
              size="small"
              className="mt-2"
              disabled={mixes.isFetchingNextPage}
              onClick={() => void mixes.fetchNextPage()}
            >
              {t("older")}
            </Button>
          )}
        </div>
      )}
    </>
  );
}

/** A failure within the panel, and the way on. */
function Trouble({ failure, retry }: { failure: Error; retry: () => void }) {
  const t = useTranslations("states");
  const text = useProblemText();
  return (
    <div role="alert" className="mt-2 text-sm">
      <p className="text-bad">{text(failure)}</p>
      <Button size="small" className="mt-2" onClick={retry}>
        {t("again")}
      </Button>
    </div>
  );
}

/** The chain of versions that this project is saved into. */
function Chain({ link }: { link: MixLink }) {
  const t = useTranslations("mixes");
  const text = useProblemText();
  const { title, channels, buses, master, bpm, link: follow } = useStudio();
  const mix = useMix(link.id);
  const newest = Math.max(link.base, mix.data?.version ?? 0);
  const versions = useMixVersions(link.id, newest);
  const { save } = useMixChanges();
  const [compared, setCompared] = useState<number | null>(null);
  const opening = useOpenVersion(link, newest);
  const changed = useMemo(
    () => fingerprint({ title, channels, buses, master }) !== link.saved,
    [title, channels, buses, master, link.saved],
  );
  const isStale = newest > link.base;
  const { reset } = save;
  // What a save was refused for is over once this goes on from another version.
  useEffect(() => reset(), [reset, link.base]);
  const refused = save.error && !(isStale && save.error instanceof ProblemError && save.error.status === 409);

  const keep = (base: number, note: string, done?: () => void) => {
    const arrangement = arrangementOf(useStudio.getState());
    save.mutate(
      { id: link.id, base, arrangement, bpm, note },
      {
        onSuccess: (made) => {
          toast(t(made.number === base ? "unchanged" : "saved", { number: made.number }));
          if (useStudio.getState().mix?.id !== link.id) return;
          follow({ id: link.id, base: made.number, saved: fingerprint(arrangement) });
          done?.();
        },
      },
    );
  };

  if (isGone(mix.error))
    return (
      <div role="alert" className="text-sm">
        <p>{t("gone")}</p>
        <Button size="small" className="mt-3" onClick={() => follow(null)}>
          {t("beginAnew")}
        </Button>
      </div>
    );
  return (
    <>
      <p className="mb-3 text-sm text-muted">
        {mix.data && <span className="block truncate font-semibold text-ink">{mix.data.title}</span>}
        <span role="status">{t(changed ? "changedSince" : "asSaved", { number: link.base })}</span>
      </p>
      {isStale && (
        <div role="alert" className="mb-4 rounded-lg border border-line-strong bg-raised p-3 text-sm">
          <p>{t("stale", { number: newest, base: link.base })}</p>
          <div className="mt-2.5 flex flex-wrap gap-2">
            <Button size="small" disabled={save.isPending} onClick={() => keep(newest, "")}>
              {t("keepMine")}
            </Button>
            <Button size="small" disabled={opening.busy} onClick={() => void opening.take(newest)}>
              {t("takeTheirs", { number: newest })}
            </Button>
            <Button size="small" look="plain" onClick={() => setCompared(newest)}>
              {t("compareFirst")}
            </Button>
          </div>
        </div>
      )}
      <Save
        busy={save.isPending}
        label={t("save")}
        wrong={refused ? text(save.error) : ""}
        onSave={(note, done) => keep(link.base, note, done)}
      />
      <h3 className="mt-6 text-sm font-semibold">{t("history")}</h3>
      {versions.isPending ? (
        <Skeleton className="mt-2 h-24" />
      ) : versions.error && !versions.items.length ? (
        <Trouble failure={versions.error} retry={() => void versions.refetch()} />
      ) : (
        <ol aria-label={t("history")} className="mt-1 divide-y divide-line">
          {versions.items.map((version) => (
            <VersionRow
              key={version.number}
              version={version}
              isNewest={version.number === newest}
              isBase={version.number === link.base}
              compared={compared === version.number}
              onCompare={() => setCompared(compared === version.number ? null : version.number)}
              busy={opening.busy}
              onRestore={() => void opening.restore(version.number)}
            />
          ))}
        </ol>
      )}
      <div className="mt-3 flex flex-wrap gap-2">
        {versions.hasNextPage && (
          <Button size="small" disabled={versions.isFetchingNextPage} onClick={() => void versions.fetchNextPage()}>
            {t("older")}
          </Button>
        )}
        <Button size="small" look="plain" onClick={() => follow(null)}>
          {t("leave")}
        </Button>
      </div>
      {opening.asked && (
        <Confirm
          title={t("unreadTitle", { number: opening.asked.number })}
          text={t("unreadText", { what: opening.asked.unread.map((what) => t(`unread.${what}`)).join(", ") })}
          action={t("openAnyway")}
          keep={t("leaveIt")}
          onAction={opening.asked.go}
          onClose={opening.asked.drop}
        />
      )}
    </>
  );
}
