"use client";

import Link from "next/link";
import { CircleCheck, Ear, GitCompareArrows, History, Loader, Music } from "lucide-react";
import { useMemo, type ComponentProps } from "react";
import { useQuery } from "@tanstack/react-query";
import { useFormatter, useNow, useTranslations } from "use-intl";
import { gainText, usePanText, useStripName } from "./strip";
import { Button } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/states";
import { differencesOf, type Difference, type Part } from "@/lib/audio/differences";
import type { Arrangement } from "@/lib/audio/session";
import { useMixChanges, useReadVersion, type MixVersion } from "@/lib/mixes";
import { isActive, trackHref } from "@/lib/music";
import { useKeptJob } from "@/lib/processing";
import { useProblemSentence, useProblemText } from "@/lib/use-problem-text";
import { useStudio } from "@/stores/studio";

/** Something that can be done with a version; three of them fit beside each other in the panel. */
function Action(props: ComponentProps<"button">) {
  return (
    <button
      type="button"
      {...props}
      className="inline-flex h-8 items-center gap-1.5 rounded-lg px-1.5 text-[13px] font-semibold text-muted transition hover:bg-raised hover:text-ink disabled:opacity-50"
    />
  );
}

/** A version: when it was saved and what it is, and what can be done with it. */
export function VersionRow({
  version,
  isNewest,
  isBase,
  compared,
  busy,
  onCompare,
  onRestore,
}: {
  version: MixVersion;
  isNewest: boolean;
  isBase: boolean;
  compared: boolean;
  busy: boolean;
  onCompare: () => void;
  onRestore: () => void;
}) {
  const t = useTranslations("mixes");
  const format = useFormatter();
  const now = useNow({ updateInterval: 30_000 });
  const { number, note, restored_from: restoredFrom } = version;
  const made = new Date(version.created_at);
  const marks = [
    isNewest && t("newest"),
    isBase && !isNewest && t("yourBase"),
    restoredFrom && t("restoredFrom", { number: restoredFrom }),
  ];
  return (
    <li className="py-3">
      <p className="break-words font-semibold">{note || t("version", { number })}</p>
      <p className="tabular text-[13px] text-muted">
        {note && `${t("version", { number })} · `}
        {t("byYou")} ·{" "}
        <time dateTime={version.created_at} title={format.dateTime(made, { dateStyle: "medium", timeStyle: "short" })}>
          {format.relativeTime(made, now)}
        </time>
        {marks.filter(Boolean).map((mark) => ` · ${mark}`)}
      </p>
      <div className="mt-1.5 -ml-1.5 flex flex-wrap">
        <Action aria-expanded={compared} aria-label={t("compareOne", { number })} onClick={onCompare}>
          <GitCompareArrows size={14} aria-hidden />
          {t("compare")}
        </Action>
        <Action disabled={busy} aria-label={t("restoreOne", { number })} onClick={onRestore}>
          <History size={14} aria-hidden />
          {t("restore")}
        </Action>
        <Render version={version} />
      </div>
      {compared && <Comparison version={version} />}
    </li>
  );
}

/** A version as sound: a track of the library. */
function Render({ version }: { version: MixVersion }) {
  const t = useTranslations("mixes");
  const studio = useTranslations("studio");
  const text = useProblemText();
  const whyFailed = useProblemSentence();
  const { render } = useMixChanges();
  const { number } = version;
  const job = useKeptJob(`render.${version.mix_id}.${number}`, render.data?.id);
  const busy = render.isPending || (job.data ? isActive(job.data) : false);
  const made = job.data?.result?.track_ids[0];
  const failure = render.error ? text(render.error) : job.data?.status === "failed" ? whyFailed(job.data.error) : null;
  return (
    <>
      <Action
        disabled={busy}
        aria-label={t("renderOne", { number })}
        onClick={() => render.mutate({ id: version.mix_id, number })}
      >
        {busy ? <Loader size={14} className="animate-spin" aria-hidden /> : <Music size={14} aria-hidden />}
        {t("render")}
      </Action>
      <span role="status" className="tabular basis-full pl-1.5 empty:hidden text-[13px]">
        {failure ? (
          <span className="text-bad">{failure}</span>
        ) : busy ? (
          <span className="text-muted">
            {studio("bouncing", { percent: Math.round((job.data?.progress ?? 0) * 100) })}
          </span>
        ) : made ? (
          <Link
            href={trackHref(made)}
            className="inline-flex items-center gap-1.5 font-semibold text-good hover:underline"
          >
            <CircleCheck size={14} aria-hidden />
            {t("openRendered", { number })}
          </Link>
        ) : null}
      </span>
    </>
  );
}

/** What differs between a version and the studio, and the version to be heard in its place. */
function Comparison({ version }: { version: MixVersion }) {
  const t = useTranslations("mixes");
  const text = useProblemText();
  const { title, channels, buses, master, bpm, auditioned, audition } = useStudio();
  const read = useReadVersion(title, bpm);
  const { mix_id: mix, number } = version;
  const found = useQuery({
    queryKey: ["mix-read", mix, number, title, bpm],
    staleTime: Infinity,
    queryFn: () => read(mix, number),
  });
  const arrangement = found.data?.arrangement;
  const differences = useMemo(
    () => arrangement && differencesOf(arrangement, { title, channels, buses, master }),
    [arrangement, title, channels, buses, master],
  );
  if (found.isPending) return <Skeleton className="mt-2 h-14" />;
  if (found.error)
    return (
      <p role="alert" className="mt-2 text-sm text-bad">
        {text(found.error)}
      </p>
    );
  if (!found.data || !differences) return <p className="mt-2 text-sm text-muted">{t("unreadable", { number })}</p>;
  const heard = auditioned?.number === number;
  return (
    <div className="mt-2 rounded-lg bg-sunken px-3 py-2.5 text-sm">
      {differences.length ? (
        <>
          <p className="text-muted">{t("since", { number })}</p>
          <ul className="mt-1 flex flex-col gap-1">
            {differences.map((difference) => (
              <DifferenceLine key={difference.id} difference={difference} arrangement={{ channels, buses, master }} />
            ))}
          </ul>
        </>
      ) : (
        <p className="text-muted">{t("same")}</p>
      )}
      {found.data.unread.length > 0 && (
        <p className="mt-1 text-muted">
          {t("unreadHere", { what: found.data.unread.map((what) => t(`unread.${what}`)).join(", ") })}
        </p>
      )}
      {differences.length > 0 && (
        <Button
          size="small"
          className="mt-2.5"
          aria-pressed={heard}
          onClick={() => audition(heard ? null : { number, arrangement: found.data!.arrangement })}
        >
          <Ear size={14} aria-hidden />
          {t(heard ? "hearMine" : "hearIt", { number })}
        </Button>
      )}
    </div>
  );
}

function DifferenceLine({
  difference,
  arrangement,
}: {
  difference: Difference;
  arrangement: Pick<Arrangement, "channels" | "buses" | "master">;
}) {
  const t = useTranslations("mixes");
  const nameOf = useStripName();
  const panText = usePanText();
  const { channels, buses, master } = arrangement;
  const strip = [...channels, ...buses, master].find(({ id }) => id === difference.id);
  const name = strip ? nameOf(strip) : difference.name;
  const partText = ({ what, from, to }: Part) => {
    if (from === undefined || to === undefined) return t(`parts.${what}`);
    const value = (number: number) => (what === "pan" ? panText(number) : gainText(number));
    return t("move", { what: t(`parts.${what}`), from: value(from), to: value(to) });
  };
  const what =
    difference.state === "changed" ? difference.parts.map(partText).join(", ") : t(`states.${difference.state}`);
  return (
    <li className="break-words">
      <span className="inline-block font-medium first-letter:uppercase">{name}</span>: {what}
    </li>
  );
}
