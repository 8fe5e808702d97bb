"use client";

import { ArrowLeft, RotateCcw, Trash2, X } from "lucide-react";
import { useMemo, useState } from "react";
import { useFormatter, useNow, useTranslations } from "use-intl";
import { toast } from "sonner";
import { MembersOnly } from "@/components/frame/members-only";
import { Button, ButtonLink, IconButton } from "@/components/ui/button";
import { Confirm } from "@/components/ui/confirm";
import { Cover } from "@/components/ui/cover";
import { More } from "@/components/ui/more";
import { Empty, Failed, Skeleton } from "@/components/ui/states";
import type { Track } from "@/lib/api/client";
import { useChangeTracks } from "@/lib/change-tracks";
import { clock } from "@/lib/format";
import { useTrash, useTrashChanges } from "@/lib/music";
import { useProblemText } from "@/lib/use-problem-text";

/** Deleted tracks: back into the library, or gone for good. */
export function Trash() {
  return <MembersOnly>{() => <Bin />}</MembersOnly>;
}

function Bin() {
  const t = useTranslations("trash");
  const text = useProblemText();
  const trash = useTrash();
  const { restore, destroy } = useTrashChanges();
  const [doomed, setDoomed] = useState<Track[] | null>(null);
  const [marked, setMarked] = useState<ReadonlySet<string>>(new Set());
  const change = useChangeTracks();
  const { items } = trash;
  const chosen = useMemo(() => items.filter(({ id }) => marked.has(id)), [items, marked]);
  const mark = (id: string) => {
    const next = new Set(marked);
    if (!next.delete(id)) next.add(id);
    setMarked(next);
  };
  const complain = (failure: unknown) => void toast.error(text(failure));
  const bringBack = (track: Track) =>
    restore.mutate(track.id, {
      onSuccess: () => toast(t("restored", { title: track.title })),
      onError: complain,
    });
  const go = (tracks: Track[]) =>
    destroy.mutate(
      tracks.map(({ id }) => id),
      {
        onSuccess: ({ gone, failure }) => {
          if (gone) toast(t("gone", { count: gone }));
          if (failure) complain(failure);
        },
        onSettled: () => {
          setDoomed(null);
          setMarked(new Set());
        },
      },
    );
  const restoreChosen = () => {
    void change(
      chosen,
      { trashed: false },
      () => ({ trashed: true }),
      (count) => t("restoredMany", { count }),
    );
    setMarked(new Set());
  };
  return (
    <div className="mx-auto w-full max-w-[860px] px-4 pb-16 pt-8 md:px-6 md:pt-12">
      <ButtonLink href="/library/" look="plain" size="small" className="-ml-3">
        <ArrowLeft size={15} aria-hidden />
        {t("back")}
      </ButtonLink>
      <div className="mt-3 flex flex-wrap items-end justify-between gap-x-6 gap-y-3">
        <h1 className="text-4xl tracking-[-0.035em]">{t("title")}</h1>
        {trash.items.length > 0 && !trash.hasNextPage && (
          <Button look="danger" aria-haspopup="dialog" onClick={() => setDoomed(trash.items)}>
            {t("empty")}
          </Button>
        )}
      </div>
      <p className="mt-2 text-muted">{t("lead")}</p>
      {chosen.length > 0 && (
        <div
          role="group"
          aria-label={t("marked", { count: chosen.length })}
          className="appear panel shadow-float sticky top-18 z-20 mt-4 flex flex-wrap items-center gap-2 bg-raised px-4 py-2"
        >
          <span role="status" className="mr-auto font-semibold">
            {t("marked", { count: chosen.length })}
          </span>
          {chosen.length < items.length && (
            <Button look="plain" size="small" onClick={() => setMarked(new Set(items.map(({ id }) => id)))}>
              {t("chooseAll")}
            </Button>
          )}
          <div className="flex gap-2 max-sm:order-last max-sm:basis-full">
            <Button size="small" disabled={destroy.isPending} onClick={restoreChosen}>
              <RotateCcw size={14} aria-hidden />
              {t("restore")}
            </Button>
            <Button
              size="small"
              look="danger"
              disabled={destroy.isPending}
              aria-haspopup="dialog"
              onClick={() => setDoomed(chosen)}
            >
              <Trash2 size={14} aria-hidden />
              {t("forever")}
            </Button>
          </div>
          <IconButton label={t("unmark")} size="small" onClick={() => setMarked(new Set())}>
            <X size={16} />
          </IconButton>
        </div>
      )}
      <div className="mt-6">
        {trash.isPending ? (
          <div aria-busy>
            <Skeleton className="h-40" />
          </div>
        ) : trash.error && trash.items.length === 0 ? (
          <Failed failure={trash.error} retry={() => void trash.refetch()} />
        ) : trash.items.length === 0 ? (
          <Empty
            picture={<Trash2 size={36} aria-hidden className="text-faint" />}
            title={t("emptyTitle")}
            action={<ButtonLink href="/library/">{t("back")}</ButtonLink>}
          >
            {t("emptyText")}
          </Empty>
        ) : (
          <ul>
            {trash.items.map((track) => (
              <Line
                key={track.id}
                track={track}
                marked={marked.has(track.id)}
                onMark={() => mark(track.id)}
                busy={restore.isPending || destroy.isPending}
                onRestore={() => bringBack(track)}
                onDestroy={() => setDoomed([track])}
              />
            ))}
          </ul>
        )}
        {trash.hasNextPage && <More load={() => void trash.fetchNextPage()} loading={trash.isFetchingNextPage} />}
      </div>
      {doomed && (
        <Confirm
          title={
            doomed.length === 1
              ? t("askOne", { title: doomed[0]!.title })
              : doomed.length === items.length && !trash.hasNextPage
                ? t("askAll")
                : t("askSome", { count: doomed.length })
          }
          text={t("askText")}
          action={t("forever")}
          keep={t("keep")}
          busy={destroy.isPending}
          onAction={() => go(doomed)}
          onClose={() => setDoomed(null)}
        />
      )}
    </div>
  );
}

function Line({
  track,
  marked,
  onMark,
  busy,
  onRestore,
  onDestroy,
}: {
  track: Track;
  marked: boolean;
  onMark: () => void;
  busy: boolean;
  onRestore: () => void;
  onDestroy: () => void;
}) {
  const t = useTranslations("trash");
  const format = useFormatter();
  const now = useNow();
  return (
    <li
      className={`flex items-center gap-x-4 gap-y-2 border-t max-sm:gap-x-3 border-line py-3 pr-3 last:border-b ${marked ? "bg-surface" : ""}`}
    >
      <label className="-mr-2 grid size-8 touch:size-11 shrink-0 place-items-center">
        <span className="sr-only">{t("mark", { title: track.title })}</span>
        <input type="checkbox" checked={marked} onChange={onMark} className="size-4 accent-[var(--coral)]" />
      </label>
      {/* What lies in the trash is shown to nobody, its picture neither: one is drawn here. */}
      <Cover seed={track.id} className="size-12 shrink-0 opacity-50 grayscale" />
      <div className="min-w-0 flex-1 sm:basis-40">
        <p className="line-clamp-2 font-semibold leading-snug sm:line-clamp-1">{track.title}</p>
        <p className="tabular text-sm text-muted">
          {[
            clock(track.duration),
            track.deleted_at && t("deletedAgo", { when: format.relativeTime(new Date(track.deleted_at), now) }),
          ]
            .filter(Boolean)
            .join(" · ")}
        </p>
      </div>
      <div className="flex gap-2">
        <Button
          size="small"
          disabled={busy}
          aria-label={t("restoreOne", { title: track.title })}
          onClick={onRestore}
          className="touch:min-w-11"
        >
          <RotateCcw size={14} aria-hidden />
          <span className="max-sm:sr-only">{t("restore")}</span>
        </Button>
        <Button
          size="small"
          look="danger"
          disabled={busy}
          aria-haspopup="dialog"
          aria-label={t("foreverOne", { title: track.title })}
          onClick={onDestroy}
          className="touch:min-w-11"
        >
          <Trash2 size={14} aria-hidden />
          <span className="max-sm:sr-only">{t("forever")}</span>
        </Button>
      </div>
    </li>
  );
}
