"use client";

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Download, PackageOpen } from "lucide-react";
import { useFormatter, useTranslations } from "use-intl";
import { toast } from "sonner";
import { Button, buttonClass } from "@/components/ui/button";
import { Failed, Skeleton } from "@/components/ui/states";
import { answer, api } from "@/lib/api/client";
import { ProblemError } from "@/lib/api/problem";
import type { components } from "@/lib/api/schema";
import { fileSize } from "@/lib/format";
import { useProblemSentence, useProblemText } from "@/lib/use-problem-text";

type Export = components["schemas"]["Export"];

const KEY = ["export"];
const LOOK_EVERY_MS = 2000;

const isPacking = (archive: Export | null | undefined) => archive?.status === "queued" || archive?.status === "running";

/** Everything that is one's own as one file: asked for, packed while one may leave, fetched. */
export function DataExport() {
  const t = useTranslations("archive");
  const text = useProblemText();
  const queries = useQueryClient();
  const archive = useQuery({
    queryKey: KEY,
    refetchInterval: (query) => (isPacking(query.state.data) ? LOOK_EVERY_MS : false),
    queryFn: async (): Promise<Export | null> => {
      try {
        return await answer(api.GET("/api/v1/users/me/export"));
      } catch (failure) {
        if (failure instanceof ProblemError && failure.status === 404) return null;
        throw failure;
      }
    },
  });
  const ask = useMutation({
    mutationFn: () => answer(api.POST("/api/v1/users/me/export")),
    onSuccess: (begun) => {
      if (begun.status === "ready") toast(t("fresh"));
      queries.setQueryData(KEY, begun);
    },
    onError: (failure) => toast.error(text(failure)),
  });
  return (
    <div className="flex flex-col gap-4 py-5">
      <p className="text-muted">{t("text")}</p>
      {archive.error && !archive.data ? (
        <Failed failure={archive.error} retry={() => void archive.refetch()} />
      ) : archive.data === undefined ? (
        <Skeleton className="h-10 w-56" />
      ) : (
        <State archive={archive.data} busy={ask.isPending} onAsk={() => ask.mutate()} />
      )}
    </div>
  );
}

function State({ archive, busy, onAsk }: { archive: Export | null; busy: boolean; onAsk: () => void }) {
  const t = useTranslations("archive");
  const inOwnWords = useProblemSentence();
  const format = useFormatter();
  const begin = (label: string) => (
    <Button className="self-start" disabled={busy} onClick={onAsk}>
      <PackageOpen size={16} aria-hidden />
      {label}
    </Button>
  );
  if (!archive) return begin(t("ask"));
  if (isPacking(archive)) {
    const percent = Math.round(archive.progress * 100);
    return (
      <div role="status">
        <p className="tabular font-medium">{archive.status === "queued" ? t("waiting") : t("packing", { percent })}</p>
        <div
          role="progressbar"
          aria-label={t("progress")}
          aria-valuenow={percent}
          aria-valuemin={0}
          aria-valuemax={100}
          className="mt-2 h-1.5 overflow-hidden rounded-full bg-raised"
        >
          <div className="making h-full rounded-full transition-[width]" style={{ width: `${percent}%` }} />
        </div>
        <p className="mt-2 text-sm text-muted">{t("stay")}</p>
      </div>
    );
  }
  if (archive.status === "failed" || !archive.link)
    return (
      <>
        <p role="alert" className="text-bad">
          {t("failed", { reason: inOwnWords({ detail: archive.error }) })}
        </p>
        {begin(t("again"))}
      </>
    );
  return (
    <>
      <p role="status" className="font-medium">
        {t("ready", {
          size: fileSize(archive.size_bytes ?? 0),
          when: archive.expires_at
            ? format.dateTime(new Date(archive.expires_at), { dateStyle: "medium", timeZone: undefined })
            : "–",
        })}
      </p>
      <div className="flex flex-wrap gap-2">
        {/* By the session's cookie: a signed link would be over on a page that was left open. */}
        <a href="/api/v1/users/me/export/file" download className={buttonClass("primary")}>
          <Download size={16} aria-hidden />
          {t("download")}
        </a>
        {begin(t("again"))}
      </div>
    </>
  );
}
