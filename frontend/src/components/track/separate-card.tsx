"use client";

import Link from "next/link";
import { Loader } from "lucide-react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/ui/button";
import type { Track } from "@/lib/api/client";
import { isActive } from "@/lib/music";
import { useJob, useSeparate } from "@/lib/processing";
import { useProblemText } from "@/lib/use-problem-text";

/** Takes a track that has no stems apart; the parts come up in the studio. */
export function SeparateCard({ track }: { track: Track }) {
  const t = useTranslations("separate");
  const text = useProblemText();
  const separate = useSeparate();
  const job = useJob(separate.data?.id);
  const busy = separate.isPending || (job.data ? isActive(job.data) : false);
  const made = job.data?.result?.track_ids[0];
  const failure = separate.error
    ? text(separate.error)
    : job.data?.status === "failed"
      ? (job.data.error?.detail ?? text(null))
      : null;
  return (
    <section aria-labelledby="separate" className="panel p-5">
      <h2 id="separate" className="text-sm font-semibold text-muted">
        {t("title")}
      </h2>
      <p className="mt-2 text-sm text-muted">{t("text")}</p>
      {made ? (
        <Link
          prefetch={false}
          href={`/studio/?track=${made}`}
          className="mt-4 inline-block font-semibold text-accent underline underline-offset-4"
        >
          {t("open")}
        </Link>
      ) : (
        <Button className="mt-4" disabled={busy} onClick={() => separate.mutate({ track_id: track.id })}>
          {busy && <Loader size={16} className="animate-spin" aria-hidden />}
          {busy ? t("busy", { percent: Math.round((job.data?.progress ?? 0) * 100) }) : t("go")}
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
