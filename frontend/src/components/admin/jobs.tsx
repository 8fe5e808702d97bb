"use client";

import { useInfiniteQuery } from "@tanstack/react-query";
import { Ban, CircleAlert, CircleCheck, Hourglass, Loader } from "lucide-react";
import { useState } from "react";
import { useFormatter, useNow, useTranslations } from "use-intl";
import { Button } from "@/components/ui/button";
import { selectClass } from "@/components/ui/field";
import { Failed, Skeleton } from "@/components/ui/states";
import { answer, api, type JobStatus } from "@/lib/api/client";
import type { components } from "@/lib/api/schema";
import { clock } from "@/lib/format";
import { useProblemSentence } from "@/lib/use-problem-text";
import { useStageText } from "@/lib/use-stage-text";

type ManagedJob = components["schemas"]["ManagedJob"];

const REFRESH_MS = 10_000;
const STATUSES: JobStatus[] = ["queued", "running", "succeeded", "failed", "cancelled"];
const SIGNS = {
  queued: Hourglass,
  running: Loader,
  succeeded: CircleCheck,
  failed: CircleAlert,
  cancelled: Ban,
};
const KINDS = [
  "generate",
  "separate",
  "mix",
  "master",
  "convert",
  "transcribe",
  "analyze",
  "import",
  "pull_model",
] as const;
type Kind = (typeof KINDS)[number];
const isKind = (kind: string): kind is Kind => (KINDS as readonly string[]).includes(kind);

/** Everybody's jobs, newest first: how they stand, not what they are about. */
export function Jobs() {
  const t = useTranslations("admin.work");
  const library = useTranslations("library");
  const [status, setStatus] = useState<JobStatus | "">("");
  const jobs = useInfiniteQuery({
    queryKey: ["admin", "jobs", status],
    refetchInterval: REFRESH_MS,
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) =>
      answer(
        api.GET("/api/v1/admin/jobs", {
          signal,
          params: { query: { limit: 20, cursor: pageParam, ...(status ? { status } : {}) } },
        }),
      ),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
  const items = jobs.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <>
      <select
        aria-label={t("which")}
        className={`${selectClass} mt-4`}
        value={status}
        onChange={(event) => setStatus(event.target.value as JobStatus | "")}
      >
        <option value="">{t("all")}</option>
        {STATUSES.map((name) => (
          <option key={name} value={name}>
            {t(`statuses.${name}`)}
          </option>
        ))}
      </select>
      {jobs.error && !jobs.data ? (
        <Failed failure={jobs.error} retry={() => void jobs.refetch()} />
      ) : jobs.isPending ? (
        <Skeleton className="mt-4 h-40" />
      ) : items.length === 0 ? (
        <p className="mt-6 text-muted">{t("none")}</p>
      ) : (
        <ul aria-label={t("title")} className="mt-4 flex flex-col">
          {items.map((job) => (
            <Row key={job.id} job={job} />
          ))}
        </ul>
      )}
      {jobs.hasNextPage && (
        <Button className="mt-4" onClick={() => void jobs.fetchNextPage()} disabled={jobs.isFetchingNextPage}>
          {library("more")}
        </Button>
      )}
    </>
  );
}

function Row({ job }: { job: ManagedJob }) {
  const t = useTranslations("admin.work");
  const stageText = useStageText();
  const whyFailed = useProblemSentence();
  const format = useFormatter();
  const now = useNow({ updateInterval: REFRESH_MS });
  const Sign = SIGNS[job.status];
  const looks = { succeeded: "text-good", failed: "text-bad", running: "text-accent" } as Record<string, string>;
  const seconds = job.started_at
    ? (new Date(job.finished_at ?? now).getTime() - new Date(job.started_at).getTime()) / 1000
    : null;
  const about = [
    t(`statuses.${job.status}`),
    job.status === "running" && `${Math.round(job.progress * 100)} %`,
    job.status === "running" && stageText(job.stage),
    seconds !== null && seconds >= 0 && t("took", { time: clock(seconds) }),
    job.attempts > 0 && t("crashes", { count: job.attempts }),
  ];
  return (
    <li className="grid grid-cols-[auto_1fr_auto] items-center gap-x-4 gap-y-0.5 border-t border-line py-3 last:border-b">
      <Sign size={17} aria-hidden className={looks[job.status] ?? "text-faint"} />
      <span className="min-w-0 truncate">
        <span className="font-semibold">{isKind(job.kind) ? t(`kinds.${job.kind}`) : job.kind}</span>
        <span className="ml-3 text-muted">{job.owner || t("nobody")}</span>
      </span>
      <time dateTime={job.created_at} className="text-sm text-faint">
        {format.relativeTime(new Date(job.created_at), now)}
      </time>
      <span className="tabular col-start-2 col-end-4 text-sm text-muted">{about.filter(Boolean).join(" · ")}</span>
      {job.error && <span className="col-start-2 col-end-4 text-sm text-bad">{whyFailed(job.error)}</span>}
    </li>
  );
}
