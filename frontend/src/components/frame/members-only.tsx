"use client";

import type { ReactNode } from "react";
import { useTranslations } from "use-intl";
import { ButtonLink } from "@/components/ui/button";
import { Empty, Failed, Skeleton } from "@/components/ui/states";
import type { User } from "@/lib/api/client";
import { useDoors } from "@/lib/doors";
import { useSession } from "@/lib/session";

/** Shows its content to whoever is signed in, and everybody else the way in. */
export function MembersOnly({ children }: { children: (user: User) => ReactNode }) {
  const t = useTranslations("frame");
  const doors = useDoors();
  const { user, loading, failure } = useSession();
  if (user) return children(user);
  if (failure) return <Failed alone failure={failure} retry={() => location.reload()} />;
  if (loading) return <Skeleton className="mx-auto mt-16 h-64 w-[calc(100%-2rem)] max-w-[1040px]" />;
  return (
    <Empty
      title={t("membersTitle")}
      action={
        <div className="flex flex-wrap justify-center gap-2">
          <ButtonLink look="primary" href={doors.signIn}>
            {t("signIn")}
          </ButtonLink>
          <ButtonLink href={doors.signUp}>{t("signUp")}</ButtonLink>
        </div>
      }
    >
      {t("membersText")}
    </Empty>
  );
}
