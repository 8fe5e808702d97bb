"use client";

import Link from "next/link";
import { Loader, SlidersHorizontal } from "lucide-react";
import { useId, useState } from "react";
import { useTranslations } from "use-intl";
import { CompareMasters } from "./compare-masters";
import { MasterReportView } from "./master-report";
import { TrackSelect } from "@/components/library/track-select";
import { Button } from "@/components/ui/button";
import { selectClass } from "@/components/ui/field";
import { Slider } from "@/components/ui/slider";
import type { Track } from "@/lib/api/client";
import { loudness, signed } from "@/lib/format";
import { CEILING_RANGE, LUFS_RANGE, loudestTarget, masterRequest, readReport } from "@/lib/mastering";
import { isActive, trackHref, useTrack } from "@/lib/music";
import { useJob, useKeptJob, useMaster, usePresets } from "@/lib/processing";
import { useProblemSentence, useProblemText } from "@/lib/use-problem-text";
import { useStageText } from "@/lib/use-stage-text";

/** Mastering: choose for whom or like what, hear before and after at the same loudness, see what the meters say. */
export function MasterCard({ track }: { track: Track }) {
  const t = useTranslations("master");
  const text = useProblemText();
  const whyFailed = useProblemSentence();
  const stageText = useStageText();
  const presets = usePresets();
  const master = useMaster();
  const job = useKeptJob(`master.${track.id}`, master.data?.id);
  const made = useTrack(job.data?.result?.track_ids[0]);
  const report = readReport(job.data?.result);
  const [name, setName] = useState<string | null>(null);
  const [fine, setFine] = useState(false);
  const [lufs, setLufs] = useState<number | null>(null);
  const [ceiling, setCeiling] = useState<number | null>(null);
  const [referenceId, setReferenceId] = useState("");
  const items = presets.data ?? [];
  const chosen = items.find((preset) => preset.name === (name ?? items[0]?.name));
  const likeAnother = name === "" && referenceId !== "";
  const busy = master.isPending || (job.data ? isActive(job.data) : false);
  const ceilingNow = ceiling ?? chosen?.true_peak_dbtp ?? -1;
  const lufsNow = Math.min(lufs ?? chosen?.target_lufs ?? -14, loudestTarget(ceilingNow));
  if (presets.error || (presets.data && !items.length)) return null;
  return (
    <section aria-labelledby="master" className="panel p-5">
      <h2 id="master" className="text-sm font-semibold text-muted">
        {t("title")}
      </h2>
      <div className="mt-3 flex gap-2 max-sm:flex-col">
        <select
          aria-label={t("preset")}
          className={`${selectClass} min-w-0 sm:flex-1`}
          value={chosen?.name ?? ""}
          onChange={(event) => {
            setName(event.target.value);
            setLufs(null);
            setCeiling(null);
          }}
        >
          {items.map((preset) => (
            <option key={preset.name} value={preset.name}>
              {preset.title} · {loudness(preset.target_lufs)}
            </option>
          ))}
          {referenceId && <option value="">{t("referenceAlone")}</option>}
        </select>
        <Button
          disabled={busy || !(chosen || likeAnother)}
          onClick={() =>
            master.mutate(
              masterRequest(track.id, {
                preset: chosen?.name ?? "",
                // A lower ceiling may leave no room for the preset's loudness: what is asked for is what stands there.
                lufs: lufs ?? (ceiling === null || referenceId ? null : lufsNow),
                ceilingDbtp: ceiling,
                referenceId,
              }),
            )
          }
        >
          {busy && <Loader size={16} className="animate-spin" aria-hidden />}
          {t("go")}
        </Button>
      </div>
      <p className="mt-2 text-sm text-muted">{chosen?.description ?? t("referenceText")}</p>
      <button
        type="button"
        aria-expanded={fine}
        onClick={() => setFine(!fine)}
        className={`mt-2 -ml-2 flex h-9 touch:h-11 items-center gap-2 rounded-lg px-2 text-sm font-medium transition hover:bg-raised ${fine ? "text-accent" : "text-muted"}`}
      >
        <SlidersHorizontal size={15} aria-hidden />
        {t("fine")}
      </button>
      {fine && (
        <div className="mt-1 flex flex-col gap-3">
          <Level
            label={t("target")}
            text={lufs === null && referenceId ? t("asReference") : loudness(lufsNow)}
            {...LUFS_RANGE}
            step={0.5}
            value={lufsNow}
            onChange={(value) => setLufs(Math.min(value, loudestTarget(ceilingNow)))}
          />
          <Level
            label={t("ceiling")}
            text={`${signed(ceilingNow)} dBTP`}
            {...CEILING_RANGE}
            step={0.1}
            value={ceilingNow}
            onChange={setCeiling}
          />
          <TrackSelect
            label={t("reference")}
            none={t("noReference")}
            value={referenceId}
            leaveOut={track.id}
            describe={(other) => loudness(other.loudness_lufs)}
            onChange={(id) => {
              setReferenceId(id);
              if (!id && name === "") setName(null);
            }}
          />
        </div>
      )}
      {busy && job.data && (
        <p role="status" className="tabular mt-3 text-sm text-muted first-letter:uppercase">
          {[stageText(job.data.stage), `${Math.round(job.data.progress * 100)} %`].filter(Boolean).join(" · ")}
        </p>
      )}
      {(master.error || job.error || job.data?.status === "failed") && (
        <p role="alert" className="mt-3 text-sm text-bad">
          {master.error ? text(master.error) : job.error ? text(job.error) : whyFailed(job.data?.error)}
        </p>
      )}
      {made.data && (
        <div className="mt-4 border-t border-line pt-4">
          <CompareMasters before={track} after={made.data} />
          {report && <MasterReportView report={report} />}
          <Link
            href={trackHref(made.data.id)}
            className="mt-4 inline-block font-semibold text-accent underline underline-offset-4"
          >
            {t("openResult")}
          </Link>
        </div>
      )}
    </section>
  );
}

function Level({
  label,
  text,
  onChange,
  ...range
}: {
  label: string;
  text: string;
  min: number;
  max: number;
  step: number;
  value: number;
  onChange: (value: number) => void;
}) {
  const id = useId();
  return (
    <div className="text-sm">
      <div className="flex justify-between gap-3">
        <label htmlFor={id} className="text-muted">
          {label}
        </label>
        <span className="tabular font-medium">{text}</span>
      </div>
      <Slider {...range} id={id} aria-valuetext={text} onValue={onChange} className="mt-1 w-full" />
    </div>
  );
}

/** How a track that is a master came about: against the recording it was made from, with its report. */
export function MasteredCard({ track }: { track: Track }) {
  const t = useTranslations("master");
  const before = useTrack(track.parent_id ?? undefined);
  const job = useJob(track.job_id ?? undefined);
  const report = readReport(job.data?.result);
  if (!before.data && !report) return null;
  return (
    <section aria-labelledby="mastered" className="panel p-5">
      <h2 id="mastered" className="mb-3 text-sm font-semibold text-muted">
        {t("mastered")}
      </h2>
      {before.data && <CompareMasters before={before.data} after={track} />}
      {report && <MasterReportView report={report} />}
    </section>
  );
}
