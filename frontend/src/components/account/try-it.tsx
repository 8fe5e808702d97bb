"use client";

import { useMutation } from "@tanstack/react-query";
import { Headphones } from "lucide-react";
import { useRouter } from "next/navigation";
import type { ReactNode } from "react";
import { useTranslations } from "use-intl";
import { useArrive } from "./enter";
import { Button } from "@/components/ui/button";
import { answer, api } from "@/lib/api/client";
import { ProblemError } from "@/lib/api/problem";
import { useSession, useVersion } from "@/lib/session";
import { useProblemText } from "@/lib/use-problem-text";

/** The way in without an account; `otherwise` where the operator lets nobody in that way, or somebody is in already. */
export function TryIt({
  href,
  note = true,
  otherwise = null,
}: {
  href: string;
  note?: boolean;
  /** What stands there instead. */
  otherwise?: ReactNode;
}) {
  const t = useTranslations("guest");
  const text = useProblemText();
  const router = useRouter();
  const arrive = useArrive();
  const { user, loading } = useSession();
  const version = useVersion(!user && !loading);
  const enter = useMutation({
    mutationFn: async () => {
      try {
        await answer(api.POST("/api/v1/auth/guest"));
      } catch (failure) {
        // Signed in by another tab meanwhile: that is as good.
        if (!(failure instanceof ProblemError && failure.status === 409)) throw failure;
      }
    },
    onSuccess: async () => {
      await arrive();
      router.push(href);
    },
  });
  if (user || !version.data?.guests) return otherwise;
  const refused = enter.error instanceof ProblemError && enter.error.status === 429;
  return (
    <div className="flex flex-wrap items-center justify-center gap-x-4 gap-y-2">
      <Button disabled={enter.isPending} onClick={() => enter.mutate()}>
        <Headphones size={17} aria-hidden />
        {t("try")}
      </Button>
      {note && !enter.error && <p className="text-sm text-muted">{t("tryNote")}</p>}
      {enter.error && (
        <p role="alert" className="text-sm text-bad">
          {refused ? t("tooMany") : text(enter.error)}
        </p>
      )}
    </div>
  );
}
