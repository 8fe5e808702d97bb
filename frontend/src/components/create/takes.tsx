"use client";

import { useTranslations } from "use-intl";
import { SideBySide } from "./side-by-side";
import { TakeCard } from "./take-card";
import { TryIt } from "@/components/account/try-it";
import { Empty, Failed, Skeleton } from "@/components/ui/states";
import { groupTakes } from "@/lib/take-groups";
import { useTakes } from "@/lib/music";
import { useSession } from "@/lib/session";

/** What was made lately, the newest on top; takes in the making first of all. */
export function Takes() {
  const t = useTranslations("create");
  const { user, loading, failure } = useSession();
  const takes = useTakes(Boolean(user));
  if (failure) return <Failed failure={failure} />;
  if (!user) return loading ? <Waiting /> : <SignedOut />;
  if (takes.isPending) return <Waiting />;
  if (takes.error && !takes.data) return <Failed failure={takes.error} retry={() => void takes.refetch()} />;
  if (!takes.data?.length)
    return (
      <Empty picture={<EmptyPicture />} title={t("emptyTitle")}>
        {t("emptyText")}
      </Empty>
    );
  return (
    <section aria-labelledby="takes" className="mt-10 md:mt-14">
      <h2 id="takes" className="scroll-mt-20 text-lg">
        {t("takes")}
      </h2>
      <ul className="mt-4 flex flex-col gap-3">
        {groupTakes(takes.data).map((group) =>
          group.length === 1 ? (
            <TakeCard key={group[0]!.id} job={group[0]!} artist={user.username} />
          ) : (
            <SideBySide key={group.at(-1)!.id} jobs={group} artist={user.username} />
          ),
        )}
      </ul>
    </section>
  );
}

function SignedOut() {
  const t = useTranslations("create");
  return (
    <div className="mt-10 flex flex-wrap items-center justify-between gap-4">
      <p className="text-muted">{t("signedOutHint")}</p>
      <TryIt href="/create/" note={false} />
    </div>
  );
}

function Waiting() {
  return (
    <div className="mt-14 flex flex-col gap-3" aria-busy>
      <Skeleton className="h-32" />
      <Skeleton className="h-32" />
    </div>
  );
}

function EmptyPicture() {
  return (
    <svg width="168" height="56" viewBox="0 0 168 56" aria-hidden className="mb-2">
      {[10, 18, 30, 22, 40, 52, 34, 44, 28, 36, 20, 26, 14, 8].map((height, at) => (
        <rect
          key={at}
          x={at * 12}
          y={28 - height / 2}
          width="6"
          height={height}
          rx="3"
          fill="var(--line-strong)"
          opacity={0.35 + at * 0.04}
        />
      ))}
    </svg>
  );
}
