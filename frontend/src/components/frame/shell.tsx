"use client";

import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { lazy, Suspense, useEffect, useState, type ReactNode } from "react";
import { useTranslations } from "use-intl";
import { AppNews } from "./app-news";
import { GuestBanner } from "./guest-banner";
import { Header } from "./header";
import { Shortcuts } from "./shortcuts";
import { TabBar } from "./tab-bar";
import { OfflineNotice } from "./offline-notice";
import { LiveJobs } from "./live-jobs";
import { PlayerBar } from "@/components/player/player-bar";
import { Language } from "@/lib/i18n";
import { ProblemError } from "@/lib/api/problem";
import { keepFocus } from "@/lib/keep-focus";
import { usePageTitle } from "@/lib/page-title";

const Toaster = lazy(() => import("@/components/ui/toaster"));

/** Whether asking again may help: a lost connection or a busy server, not a refusal. */
function mayRetry(count: number, failure: Error): boolean {
  return count < 2 && (!(failure instanceof ProblemError) || failure.status === 0 || failure.status >= 500);
}

/** Everything around the pages. */
export function Shell({ children }: { children: ReactNode }) {
  const [client] = useState(
    () =>
      new QueryClient({ defaultOptions: { queries: { staleTime: 10_000, retry: mayRetry, networkMode: "always" } } }),
  );
  return (
    <QueryClientProvider client={client}>
      <Language>
        <Frame>{children}</Frame>
      </Language>
    </QueryClientProvider>
  );
}

function Frame({ children }: { children: ReactNode }) {
  const t = useTranslations("frame");
  useEffect(keepFocus, []);
  usePageTitle();
  return (
    <div className="flex min-h-dvh flex-col">
      <a
        href="#main"
        className="making fixed left-4 top-2 z-50 -translate-y-16 rounded-md opacity-0 focus:opacity-100 px-4 py-2 font-semibold text-on-accent focus:translate-y-0"
      >
        {t("skip")}
      </a>
      <Header />
      <OfflineNotice />
      <GuestBanner />
      <main id="main" tabIndex={-1} className="flex flex-1 flex-col outline-none">
        {children}
      </main>
      <div className="pointer-events-none sticky bottom-0 z-30 *:pointer-events-auto">
        <Suspense>
          <Toaster />
        </Suspense>
        <PlayerBar />
        <TabBar />
      </div>
      <Shortcuts />
      <LiveJobs />
      <AppNews />
    </div>
  );
}
