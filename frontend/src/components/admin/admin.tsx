"use client";

import { useQuery } from "@tanstack/react-query";
import { CircleAlert, CircleCheck, Gavel } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslations } from "use-intl";
import { Jobs } from "./jobs";
import { Models } from "./models";
import { People } from "./people";
import { MembersOnly } from "@/components/frame/members-only";
import { ButtonLink } from "@/components/ui/button";
import { Contents } from "@/components/ui/contents";
import { Empty, Failed, Skeleton } from "@/components/ui/states";
import { answer, api } from "@/lib/api/client";
import { clock, decimal } from "@/lib/format";
import { readHealth } from "@/lib/health";

const REFRESH_MS = 10_000;

/** How the server is, and who is on it. */
export function Admin() {
  return <MembersOnly>{(user) => (user.role === "admin" ? <Overview /> : <NotForYou />)}</MembersOnly>;
}

function NotForYou() {
  const t = useTranslations("admin");
  return <Empty title={t("onlyAdmins")}>{t("onlyAdminsText")}</Empty>;
}

function Overview() {
  const t = useTranslations("admin");
  const frame = useTranslations("frame");
  const parts = [
    { id: "health", title: t("health"), content: <Health /> },
    { id: "models", title: t("models.title"), content: <Models /> },
    { id: "work", title: t("work.title"), content: <Jobs /> },
    { id: "people", title: t("users"), content: <People /> },
  ];
  return (
    <div className="mx-auto w-full max-w-[1240px] px-4 pb-20 pt-8 md:px-6 md:pt-12 lg:grid lg:grid-cols-[140px_minmax(0,1fr)] lg:gap-x-12">
      <div className="flex flex-wrap items-end lg:col-span-2 justify-between gap-x-6 gap-y-3">
        <h1 className="text-4xl tracking-[-0.035em]">{t("title")}</h1>
        <ButtonLink href="/moderation/">
          <Gavel size={16} aria-hidden />
          {frame("moderation")}
        </ButtonLink>
      </div>
      <Contents label={t("contents")} parts={parts} />
      <div className="min-w-0">
        <Numbers />
        {parts.map(({ id, title, content }) => (
          <section key={id} id={id} aria-labelledby={`${id}-title`} className="scroll-mt-32 lg:scroll-mt-20">
            <h2 id={`${id}-title`} className="mt-12 text-xl">
              {title}
            </h2>
            {content}
          </section>
        ))}
      </div>
    </div>
  );
}

function Numbers() {
  const t = useTranslations("admin");
  const stats = useQuery({
    queryKey: ["admin", "stats"],
    refetchInterval: REFRESH_MS,
    queryFn: () => answer(api.GET("/api/v1/admin/stats")),
  });
  if (stats.error && !stats.data) return <Failed failure={stats.error} retry={() => void stats.refetch()} />;
  if (!stats.data) return <Skeleton className="mt-8 h-24" />;
  const { users, tracks, made_seconds: made, jobs } = stats.data;
  return (
    <dl className="mt-8 grid grid-cols-2 gap-3 lg:grid-cols-4">
      <Number name={t("users")}>{users}</Number>
      <Number name={t("tracks")}>{tracks}</Number>
      <Number name={t("made")}>{clock(made)}</Number>
      <Number name={t("jobs")}>{(jobs.queued ?? 0) + (jobs.running ?? 0)}</Number>
    </dl>
  );
}

function Number({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="panel flex flex-col-reverse p-5">
      <dt className="text-sm text-muted">{name}</dt>
      <dd className="tabular text-3xl font-semibold tracking-tight">{children}</dd>
    </div>
  );
}

function Health() {
  const t = useTranslations("admin");
  const parts = useTranslations("admin.parts");
  const health = useQuery({
    queryKey: ["admin", "health"],
    refetchInterval: REFRESH_MS,
    queryFn: readHealth,
  });
  if (health.error && !health.data) return <Failed failure={health.error} retry={() => void health.refetch()} />;
  if (!health.data) return <Skeleton className="mt-4 h-40" />;
  return (
    <ul className="mt-4 grid gap-x-10 sm:grid-cols-2">
      {health.data.map((dependency) => {
        const works = dependency.state === "up";
        const Sign = works ? CircleCheck : CircleAlert;
        return (
          <li key={dependency.name} className="flex items-center gap-3 border-t border-line py-2.5">
            <Sign size={17} aria-hidden className={works ? "text-good" : "text-bad"} />
            <span className="flex-1">
              {parts.has(dependency.name as never)
                ? parts(dependency.name as never)
                : dependency.name.replaceAll("_", " ")}
            </span>
            <span className={`text-sm ${works ? "text-muted" : "text-bad"}`}>{works ? t("up") : t("down")}</span>
            <span className="tabular w-20 text-right text-sm text-faint">
              {t("latency", { ms: decimal(dependency.latency_ms.toFixed(1)) })}
            </span>
          </li>
        );
      })}
    </ul>
  );
}
