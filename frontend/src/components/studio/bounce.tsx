"use client";

import Link from "next/link";
import { CircleCheck, Download, Loader } from "lucide-react";
import { useTranslations } from "use-intl";
import { Downloads } from "@/components/track/downloads";
import { Button } from "@/components/ui/button";
import { Pop } from "@/components/ui/pop";
import { Skeleton } from "@/components/ui/states";
import { mixRequest } from "@/lib/audio/mix-request";
import { isActive, trackHref, useTrack } from "@/lib/music";
import { useBounce, useKeptJob } from "@/lib/processing";
import { useProblemSentence, useProblemText } from "@/lib/use-problem-text";
import { useStudio } from "@/stores/studio";

/** Render the session on the server: it becomes a track of the library. */
export function Bounce() {
  const t = useTranslations("studio");
  const text = useProblemText();
  const whyFailed = useProblemSentence();
  const bounce = useBounce();
  const { projectId, title, channels, buses, master, bpm } = useStudio();
  const job = useKeptJob(`bounce.${projectId}`, bounce.data?.id);
  const busy = bounce.isPending || (job.data ? isActive(job.data) : false);
  const made = job.data?.result?.track_ids[0];
  const failure = bounce.error ? text(bounce.error) : job.data?.status === "failed" ? whyFailed(job.data.error) : null;
  return (
    <div className="flex items-center gap-3 max-md:ml-auto">
      <span role="status" className="tabular text-sm">
        {failure ? (
          <span className="text-bad">{failure}</span>
        ) : busy ? (
          <span className="text-muted">{t("bouncing", { percent: Math.round((job.data?.progress ?? 0) * 100) })}</span>
        ) : made ? (
          <Link href={trackHref(made)} className="flex items-center gap-1.5 font-semibold text-good hover:underline">
            <CircleCheck size={16} aria-hidden />
            {t("bounced")}
          </Link>
        ) : null}
      </span>
      {made && !busy && <Export trackId={made} />}
      <Button
        look="primary"
        disabled={busy || !channels.some((channel) => channel.clips.length)}
        onClick={() => bounce.mutate(mixRequest({ title, channels, buses, master }, bpm))}
      >
        {busy && <Loader size={16} className="animate-spin" aria-hidden />}
        {t("bounce")}
      </Button>
    </div>
  );
}

/** The bounce as a file, in every format that there is. */
function Export({ trackId }: { trackId: string }) {
  const t = useTranslations("studio");
  const track = useTrack(trackId);
  return (
    <Pop
      label={t("export")}
      align="end"
      className="w-80"
      triggerClass="grid size-10 place-items-center rounded-lg border border-line transition hover:border-line-strong"
      trigger={<Download size={17} aria-hidden />}
    >
      {track.data ? <Downloads track={track.data} /> : <Skeleton className="h-64" />}
    </Pop>
  );
}
