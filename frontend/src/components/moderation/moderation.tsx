"use client";

import { useState } from "react";
import { useTranslations } from "use-intl";
import { ReportCard } from "./report-card";
import { Tabs } from "@/components/community/tabs";
import { MembersOnly } from "@/components/frame/members-only";
import { selectClass } from "@/components/ui/field";
import { More } from "@/components/ui/more";
import { Empty, Failed, Skeleton } from "@/components/ui/states";
import { useReports, type ReportKind, type ReportStatus } from "@/lib/moderation";
import { mayModerate } from "@/lib/roles";

const VIEWS: ReportStatus[] = ["open", "acted", "dismissed"];
const KINDS = ["all", "track", "comment", "user"] as const;

/** The queue of reports; for moderators and administrators. */
export function Moderation() {
  return <MembersOnly>{(user) => (mayModerate(user.role) ? <Reports /> : <NotForYou />)}</MembersOnly>;
}

function NotForYou() {
  const t = useTranslations("moderation");
  return <Empty title={t("onlyTitle")}>{t("onlyText")}</Empty>;
}

function Reports() {
  const t = useTranslations("moderation");
  const [view, setView] = useState<ReportStatus>("open");
  const [kind, setKind] = useState<(typeof KINDS)[number]>("all");
  return (
    <div className="mx-auto w-full max-w-[860px] px-4 pb-20 pt-8 md:px-6 md:pt-12">
      <div className="flex flex-wrap items-end justify-between gap-x-6 gap-y-3">
        <h1 className="text-4xl tracking-[-0.035em]">{t("title")}</h1>
        <label className="flex items-center gap-3 text-sm font-medium text-muted">
          {t("kind")}
          <select
            value={kind}
            onChange={(event) => setKind(event.target.value as (typeof KINDS)[number])}
            className={selectClass}
          >
            {KINDS.map((name) => (
              <option key={name} value={name}>
                {t(`kinds.${name}`)}
              </option>
            ))}
          </select>
        </label>
      </div>
      <p className="mb-6 mt-2 text-muted">{t("lead")}</p>
      <Tabs label={t("views")} names={VIEWS.map((name) => ({ name, label: t(name) }))} shown={view} onShow={setView}>
        <Queue key={`${view} ${kind}`} view={view} kind={kind === "all" ? null : kind} />
      </Tabs>
    </div>
  );
}

function Queue({ view, kind }: { view: ReportStatus; kind: ReportKind | null }) {
  const t = useTranslations("moderation");
  const reports = useReports(view, kind);
  if (reports.isPending)
    return (
      <div aria-busy className="flex flex-col gap-3">
        <Skeleton className="h-36" />
        <Skeleton className="h-36" />
      </div>
    );
  if (reports.error && reports.items.length === 0)
    return <Failed failure={reports.error} retry={() => void reports.refetch()} />;
  if (reports.items.length === 0)
    return view === "open" && !kind ? (
      <Empty title={t("emptyTitle")}>{t("emptyText")}</Empty>
    ) : (
      <p className="py-8 text-center text-muted">{t("noneText")}</p>
    );
  return (
    <>
      <ul className="flex flex-col gap-3">
        {reports.items.map((report) => (
          <ReportCard key={report.id} report={report} />
        ))}
      </ul>
      {reports.hasNextPage && <More load={() => void reports.fetchNextPage()} loading={reports.isFetchingNextPage} />}
    </>
  );
}
