"use client";

import { useTranslations } from "use-intl";
import { Line } from "./section";
import { Failed, Skeleton } from "@/components/ui/states";
import { clock, fileSize } from "@/lib/format";
import { useUsage } from "@/lib/session";
import { useOwnWords } from "@/lib/server-words";

/** From here on nobody counts minutes. */
const MANY_HOURS = 100;

/** What the account may make and keep, and how much of it is used. */
export function Usage() {
  const t = useTranslations("settings");
  const usage = useUsage();
  const say = useOwnWords();
  if (usage.error && !usage.data) return <Failed failure={usage.error} retry={() => void usage.refetch()} />;
  if (!usage.data) return <Skeleton className="my-4 h-16" />;
  const { data } = usage;
  return (
    <>
      {/* A guest has a day, and no more than that. */}
      {data.tier !== "guest" && (
        <Line name={t("left")}>
          {data.balance_seconds < MANY_HOURS * 3600
            ? clock(data.balance_seconds)
            : t("hours", { hours: Math.floor(data.balance_seconds / 3600) })}
        </Line>
      )}
      <Line name={t("made")}>{clock(data.used_seconds)}</Line>
      <Share name={t("today")} used={data.day_seconds} limit={data.day_seconds_limit} show={clock} />
      <Share name={t("thisMonth")} used={data.month_seconds} limit={data.month_seconds_limit} show={clock} />
      <Share
        name={t("stored")}
        used={data.stored_bytes}
        limit={data.stored_bytes_limit}
        show={(bytes) => (bytes > 0 ? fileSize(bytes) : "0 MB")}
      />
      <Share name={t("atOnce")} used={data.jobs} limit={data.jobs_limit} show={String} />
      {data.tier && <Line name={t("tier")}>{say(data.tier, `tier.${data.tier}`)}</Line>}
    </>
  );
}

/** How much of something is used; a bar where there is a limit, which is red when nearly nothing is left. */
function Share({
  name,
  used,
  limit,
  show,
}: {
  name: string;
  used: number;
  limit: number | null;
  show: (amount: number) => string;
}) {
  const t = useTranslations("settings");
  if (limit === null) return <Line name={name}>{t("anyNumber", { used: show(used) })}</Line>;
  const part = limit > 0 ? Math.min(1, used / limit) : 1;
  return (
    <div className="py-3">
      <div className="flex flex-wrap justify-between gap-x-6">
        <span className="text-muted">{name}</span>
        <span className="tabular font-medium">{t("ofLimit", { used: show(used), limit: show(limit) })}</span>
      </div>
      <div aria-hidden className="mt-2 h-1.5 overflow-hidden rounded-full bg-raised">
        <div
          className={`h-full rounded-full ${part > 0.9 ? "bg-bad" : "making"}`}
          style={{ width: `${part * 100}%` }}
        />
      </div>
    </div>
  );
}
