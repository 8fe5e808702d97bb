"use client";

import { useCallback } from "react";
import { useTranslations } from "use-intl";
import { TakeCard } from "./take-card";
import type { Job } from "@/lib/api/client";

/** Takes of one idea beside each other; one takes over from another at the same second. */
export function SideBySide({ jobs, artist }: { jobs: Job[]; artist: string }) {
  const t = useTranslations("take");
  const ids = jobs.flatMap((job) => [job.id, ...(job.result?.track_ids ?? [])]).join(" ");
  const beside = useCallback((id: string) => id !== "" && ids.split(" ").includes(id), [ids]);
  return (
    <li aria-label={t("sideBySide", { count: jobs.length })}>
      <p className="mb-2 text-sm text-muted">{t("sideBySide", { count: jobs.length })}</p>
      <ul className="grid grid-cols-1 gap-3 md:grid-cols-2">
        {jobs.map((job) => (
          <TakeCard key={job.id} job={job} artist={artist} beside={beside} />
        ))}
      </ul>
    </li>
  );
}
