"use client";

import { useQueryClient } from "@tanstack/react-query";
import Link from "next/link";
import { Loader } from "lucide-react";
import { useEffect } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/ui/button";
import type { Track } from "@/lib/api/client";
import { isActive, keys, useVersions } from "@/lib/music";
import { partsHref, partsOf } from "@/lib/parts";
import { useKeptJob, useSeparate } from "@/lib/processing";
import { useProblemSentence, useProblemText } from "@/lib/use-problem-text";

/** Takes a track that has no stems apart; the parts come up in the studio. */
export function SeparateCard({ track }: { track: Track }) {
  const t = useTranslations("separate");
  const text = useProblemText();
  const whyFailed = useProblemSentence();
  const queries = useQueryClient();
  const separate = useSeparate();
  const job = useKeptJob(`separate.${track.id}`, separate.data?.id);
  const busy = separate.isPending || (job.data ? isActive(job.data) : false);
  const versions = useVersions(track.id);
  const made = job.data?.status === "succeeded" ? (job.data.result?.track_ids ?? []) : [];
  // What a separation made is there again after a reload.
  const parts = made.length ? made : partsOf(track, versions.data ?? []).map(({ id }) => id);
  const ended = made.length > 0;
  useEffect(() => {
    if (ended) void queries.invalidateQueries({ queryKey: keys.versions(track.id) });
  }, [ended, queries, track.id]);
  const failure = separate.error
    ? text(separate.error)
    : job.data?.status === "failed"
      ? whyFailed(job.data.error)
      : null;
  return (
    <section aria-labelledby="separate" className="panel p-5">
      <h2 id="separate" className="text-sm font-semibold text-muted">
        {t("title")}
      </h2>
      <p className="mt-2 text-sm text-muted">{t("text")}</p>
      {parts.length > 0 && !busy && (
        <Link
          prefetch={false}
          href={partsHref(track.id, parts)}
          className="mt-4 block font-semibold text-accent underline underline-offset-4"
        >
          {t("open")}
        </Link>
      )}
      {!made.length && (
        <Button className="mt-4" disabled={busy} onClick={() => separate.mutate({ track_id: track.id })}>
          {busy && <Loader size={16} className="animate-spin" aria-hidden />}
          {busy
            ? t("busy", { percent: Math.round((job.data?.progress ?? 0) * 100) })
            : t(parts.length ? "again" : "go")}
        </Button>
      )}
      {failure && (
        <p role="alert" className="mt-3 text-sm text-bad">
          {failure}
        </p>
      )}
    </section>
  );
}
