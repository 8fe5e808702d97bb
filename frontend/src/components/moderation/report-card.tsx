"use client";

import Link from "next/link";
import { MessageSquare, Music, UserRound } from "lucide-react";
import { useRef, useState } from "react";
import { useFormatter, useNow, useTranslations } from "use-intl";
import { toast } from "sonner";
import { Button } from "@/components/ui/button";
import { Confirm } from "@/components/ui/confirm";
import { TextArea } from "@/components/ui/text-area";
import { ProblemError } from "@/lib/api/problem";
import { personHref } from "@/lib/community";
import { decisionsOn, useVerdicts, type Decision, type Report } from "@/lib/moderation";
import { trackHref } from "@/lib/music";
import { useProblemText } from "@/lib/use-problem-text";
import { useQuoted } from "@/lib/use-quoted";

const SIGNS = { track: Music, comment: MessageSquare, user: UserRound };

/** One report: what was said of what by whom, and what becomes of it. */
export function ReportCard({ report }: { report: Report }) {
  const t = useTranslations("moderation");
  const quoted = useQuoted();
  const reasons = useTranslations("report");
  const format = useFormatter();
  const now = useNow();
  const text = useProblemText();
  const { decide, show } = useVerdicts();
  const [asked, setAsked] = useState<Decision | null>(null);
  const note = useRef<HTMLTextAreaElement>(null);
  const { kind, owner } = report;
  const Sign = SIGNS[kind];
  const ago = (time: string) => format.relativeTime(new Date(time), now);
  const go = (decision: Decision) =>
    decide.mutate(
      { id: report.id, decision, note: note.current?.value.trim() ?? "" },
      {
        onSuccess: () => toast(t("done")),
        onError: (failure) =>
          toast.error(failure instanceof ProblemError && failure.status === 409 ? t("taken") : text(failure)),
        onSettled: () => setAsked(null),
      },
    );
  const place =
    kind === "comment" ? null : kind === "track" ? trackHref(report.subject_id) : personHref(owner.username);
  const names: Record<Decision, string> = {
    dismiss: t("dismiss"),
    hide: kind === "user" ? "" : t(`hide.${kind}`),
    suspend: t("suspend", { name: owner.username }),
  };
  const questions: Record<Decision, [string, string]> = {
    dismiss: [t("askDismiss"), t("textDismiss")],
    hide: kind === "user" ? ["", ""] : [t(`askHide.${kind}`, { text: report.subject_text }), t(`textHide.${kind}`)],
    suspend: [t("askSuspend", { name: owner.username }), t("textSuspend")],
  };
  return (
    <li className="panel p-5">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1 text-sm text-muted">
        <span className="flex items-center gap-2">
          <Sign size={16} aria-hidden className="text-faint" />
          {t(`one.${kind}`)}
        </span>
        <span className="rounded-full bg-raised px-2.5 py-0.5 font-semibold text-ink">
          {reasons(`reasons.${report.reason}`)}
        </span>
        {report.open_count > 1 && <span>{t("openCount", { count: report.open_count })}</span>}
        {report.hidden && <span className="font-semibold text-bad">{t("hidden")}</span>}
        {report.suspended && <span className="font-semibold text-bad">{t("suspended")}</span>}
      </div>
      <p className="mt-2 break-words text-lg font-semibold">
        {place ? (
          <Link prefetch={false} href={place} className="hover:underline">
            {report.subject_text}
          </Link>
        ) : (
          <span className="whitespace-pre-line font-normal">{quoted(report.subject_text)}</span>
        )}
      </p>
      {kind !== "user" && (
        <p className="text-sm text-muted">
          <Link prefetch={false} href={personHref(owner.username)} className="hover:text-ink hover:underline">
            {t("of", { name: owner.username })}
          </Link>
        </p>
      )}
      <blockquote className="mt-3 border-l-2 border-line-strong pl-3">
        {report.details && <p className="whitespace-pre-line break-words">{report.details}</p>}
        <p className="text-sm text-muted">
          {t("saysWho", { name: report.reporter?.username ?? t("nobody"), when: ago(report.created_at) })}
        </p>
      </blockquote>
      {report.status === "open" ? (
        <div className="mt-4 flex flex-wrap gap-2">
          {decisionsOn(kind).map((decision) => (
            <Button
              key={decision}
              size="small"
              look={decision === "dismiss" ? "quiet" : "danger"}
              aria-haspopup="dialog"
              onClick={() => setAsked(decision)}
            >
              {names[decision]}
            </Button>
          ))}
        </div>
      ) : (
        <div className="mt-4 flex flex-wrap items-center gap-x-4 gap-y-2 text-sm text-muted">
          <p className="min-w-0 flex-1 break-words">
            {t("decidedBy", {
              what: report.decision ? t(`decided.${report.decision}`) : "",
              name: report.decided_by ?? t("nobody"),
              when: report.decided_at ? ago(report.decided_at) : "",
            })}
            {report.note && `: ${quoted(report.note)}`}
          </p>
          {kind === "track" && report.hidden && (
            <Button
              size="small"
              disabled={show.isPending}
              onClick={() =>
                show.mutate(report.subject_id, {
                  onSuccess: () => toast(t("shown", { title: report.subject_text })),
                  onError: (failure) => toast.error(text(failure)),
                })
              }
            >
              {t("show")}
            </Button>
          )}
        </div>
      )}
      {asked && (
        <Confirm
          title={questions[asked][0]}
          text={questions[asked][1]}
          action={names[asked]}
          keep={t("cancel")}
          busy={decide.isPending}
          onAction={() => go(asked)}
          onClose={() => setAsked(null)}
        >
          <div className="mt-4">
            <TextArea ref={note} label={t("note")} hint={t("noteHint")} maxLength={500} />
          </div>
        </Confirm>
      )}
    </li>
  );
}
