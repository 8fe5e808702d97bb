"use client";

import Link from "next/link";
import { Loader } from "lucide-react";
import { useState } from "react";
import { useTranslations } from "use-intl";
import { CompareMasters } from "./compare-masters";
import { Button } from "@/components/ui/button";
import { selectClass } from "@/components/ui/field";
import type { Track } from "@/lib/api/client";
import { loudness } from "@/lib/format";
import { isActive, trackHref, useTrack } from "@/lib/music";
import { useJob, useMaster, usePresets } from "@/lib/processing";
import { useProblemText } from "@/lib/use-problem-text";

/** Mastering: choose for whom, hear before and after at the same loudness. */
export function MasterCard({ track }: { track: Track }) {
  const t = useTranslations("master");
  const text = useProblemText();
  const presets = usePresets();
  const master = useMaster();
  const job = useJob(master.data?.id);
  const made = useTrack(job.data?.result?.track_ids[0]);
  const [name, setName] = useState("");
  const items = presets.data ?? [];
  const chosen = items.find((preset) => preset.name === name) ?? items[0];
  const busy = master.isPending || (job.data ? isActive(job.data) : false);
  if (presets.error || (presets.data && !items.length)) return null;
  return (
    <section aria-labelledby="master" className="panel p-5">
      <h2 id="master" className="text-sm font-semibold text-muted">
        {t("title")}
      </h2>
      <div className="mt-3 flex gap-2">
        <select
          aria-label={t("preset")}
          className={`${selectClass} min-w-0 flex-1`}
          value={chosen?.name ?? ""}
          onChange={(event) => setName(event.target.value)}
        >
          {items.map((preset) => (
            <option key={preset.name} value={preset.name}>
              {preset.title} · {loudness(preset.target_lufs)}
            </option>
          ))}
        </select>
        <Button
          disabled={busy || !chosen}
          onClick={() => chosen && master.mutate({ track_id: track.id, preset: chosen.name })}
        >
          {busy && <Loader size={16} className="animate-spin" aria-hidden />}
          {t("go")}
        </Button>
      </div>
      <p className="mt-2 text-sm text-muted">{chosen?.description}</p>
      {busy && job.data && (
        <p role="status" className="tabular mt-3 text-sm text-muted first-letter:uppercase">
          {[job.data.stage, `${Math.round(job.data.progress * 100)} %`].filter(Boolean).join(" · ")}
        </p>
      )}
      {(master.error || job.data?.status === "failed") && (
        <p role="alert" className="mt-3 text-sm text-bad">
          {master.error ? text(master.error) : job.data?.error?.detail}
        </p>
      )}
      {made.data && (
        <div className="mt-4 border-t border-line pt-4">
          <CompareMasters before={track} after={made.data} />
          <Link
            href={trackHref(made.data.id)}
            className="mt-3 inline-block font-semibold text-accent underline underline-offset-4"
          >
            {t("openResult")}
          </Link>
        </div>
      )}
    </section>
  );
}
