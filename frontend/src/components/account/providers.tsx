"use client";

import { useMutation, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useTranslations } from "use-intl";
import { safeNext } from "./enter";
import { buttonClass } from "@/components/ui/button";
import { answer, api } from "@/lib/api/client";

const REASONS = ["forbidden", "conflict", "unavailable"] as const;

/** Why the way over another site ended, as the server told it in the address line; empty before anybody came back. */
export function useReturn(): string {
  const [problem, setProblem] = useState("");
  useEffect(() => setProblem(new URLSearchParams(location.search).get("problem") ?? ""), []);
  return problem;
}

/** Finishes a way over another site by the account's second factor. */
export function useSecondFactor(onSuccess: () => void) {
  return useMutation({
    mutationFn: (totp: string) => answer(api.POST("/api/v1/auth/oidc/second-factor", { body: { totp } })),
    onSuccess,
  });
}

/** Where a provider's button leads: its start, and from there to the page that was wanted. */
export function startOf(url: string, search: string): string {
  return `${url}?next=${encodeURIComponent(safeNext(search))}`;
}

/** The other sites that one can sign in with; nothing where the operator has named none. */
export function Providers({ problem }: { problem: string }) {
  const t = useTranslations("account");
  const { data } = useQuery({
    queryKey: ["sign-in-providers"],
    staleTime: Infinity,
    queryFn: () => answer(api.GET("/api/v1/auth/oidc")),
  });
  const reason = REASONS.find((known) => known === problem) ?? "other";
  const providers = data?.items ?? [];
  return (
    <>
      {problem !== "" && (
        <p role="alert" className="mb-4 text-sm text-bad">
          {t("signInWithRefused", { reason: t(`ssoReasons.${reason}`) })}
        </p>
      )}
      {providers.length > 0 && (
        <div className="mb-5 flex flex-col gap-3">
          {providers.map((provider) => (
            <button
              key={provider.id}
              type="button"
              className={buttonClass("quiet", "large")}
              onClick={() => location.assign(startOf(provider.start_url, location.search))}
            >
              {t("signInWith", { title: provider.title })}
            </button>
          ))}
          <p className="text-center text-sm text-muted">{t("orPassword")}</p>
        </div>
      )}
    </>
  );
}
