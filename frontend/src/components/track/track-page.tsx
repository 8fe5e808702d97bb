"use client";

import { useTranslations } from "use-intl";
import { TrackView } from "./track-view";
import { MembersOnly } from "@/components/frame/members-only";
import { ButtonLink } from "@/components/ui/button";
import { Empty, Failed, Skeleton } from "@/components/ui/states";
import { ProblemError } from "@/lib/api/problem";
import { useTrack } from "@/lib/music";
import { useQueryValue } from "@/lib/query-value";

/** The page of one track. */
export function TrackPage() {
  const id = useQueryValue("id");
  return <MembersOnly>{(user) => <Loaded id={id} me={user.username} />}</MembersOnly>;
}

function Loaded({ id, me }: { id: string | undefined; me: string }) {
  const t = useTranslations("track");
  const track = useTrack(id);
  const missing = !id || (track.error instanceof ProblemError && track.error.status < 500 && track.error.status > 0);
  if (missing)
    return (
      <Empty title={t("missingTitle")} action={<ButtonLink href="/library/">{t("missingAction")}</ButtonLink>}>
        {t("missingText")}
      </Empty>
    );
  if (track.error) return <Failed alone failure={track.error} retry={() => void track.refetch()} />;
  if (!track.data)
    return (
      <div aria-busy className="mx-auto w-full max-w-[1120px] px-4 pt-12 md:px-6">
        <Skeleton className="h-56" />
      </div>
    );
  return <TrackView track={track.data} me={me} />;
}
