"use client";

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Laptop } from "lucide-react";
import { useEffect, useState } from "react";
import { useFormatter, useTranslations } from "use-intl";
import { toast } from "sonner";
import { ApiKeys } from "./api-keys";
import { AccountClosed, DeleteAccount } from "./delete-account";
import { DataExport } from "./data-export";
import { NotificationSettings } from "./notification-settings";
import { Password } from "./password";
import { Profile } from "./profile";
import { SecondFactor } from "./second-factor";
import { Line, Section } from "./section";
import { Usage } from "./usage";
import { Webhooks } from "./webhooks";
import { MembersOnly } from "@/components/frame/members-only";
import { Button } from "@/components/ui/button";
import { Contents } from "@/components/ui/contents";
import { selectClass } from "@/components/ui/field";
import { Failed, Skeleton } from "@/components/ui/states";
import { answer, api, type User } from "@/lib/api/client";
import { deviceName } from "@/lib/device";
import { forgetJobs } from "@/lib/kept-jobs";
import { LOCALES, LOCALE_NAMES, useLanguage, type Locale } from "@/lib/i18n";
import { isGuest } from "@/lib/roles";
import { useSignOut, useVersion } from "@/lib/session";
import { forgetQueue } from "@/stores/player";
import { applyTheme, chosenTheme, type ThemeChoice } from "@/lib/theme";
import { useProblemText } from "@/lib/use-problem-text";

const THEMES: ThemeChoice[] = ["system", "dark", "light"];

/** Profile, how much may still be made, appearance, and the devices that are signed in. */
export function Settings() {
  const [closed, setClosed] = useState<string | null>(null);
  const queries = useQueryClient();
  if (closed !== null) return <AccountClosed due={closed} />;
  const leave = (due: string) => {
    setClosed(due);
    forgetQueue();
    forgetJobs();
    queries.setQueryData(["me"], null);
  };
  return (
    <MembersOnly>
      {(user) => (isGuest(user.role) ? <GuestSections /> : <Sections user={user} onClosed={leave} />)}
    </MembersOnly>
  );
}

/** What there is to set while one only tries. */
function GuestSections() {
  const t = useTranslations("settings");
  return (
    <div className="mx-auto w-full max-w-[760px] px-4 pb-20 pt-8 md:px-6 md:pt-12">
      <h1 className="text-4xl tracking-[-0.035em]">{t("title")}</h1>
      <Section title={t("usage")}>
        <Usage />
      </Section>
      <Section title={t("appearance")}>
        <Appearance />
      </Section>
    </div>
  );
}

function Sections({ user, onClosed }: { user: User; onClosed: (due: string) => void }) {
  const t = useTranslations("settings");
  const tell = useTranslations("tell");
  const webhooks = useTranslations("webhooks");
  const archive = useTranslations("archive");
  const version = useVersion();
  const single = version.data?.single_user ?? false;
  const parts = [
    { id: "profile", title: t("profile"), content: <Profile user={user} /> },
    { id: "usage", title: t("usage"), content: <Usage /> },
    { id: "appearance", title: t("appearance"), content: <Appearance /> },
    { id: "notifications", title: tell("title"), content: <NotificationSettings /> },
    {
      id: "security",
      title: t("security"),
      ofAccounts: true,
      content: (
        <>
          <Password />
          <SecondFactor user={user} />
          <Sessions />
        </>
      ),
    },
    { id: "keys", title: t("keys"), ofAccounts: true, content: <ApiKeys user={user} /> },
    { id: "webhooks", title: webhooks("title"), content: <Webhooks /> },
    { id: "data", title: archive("title"), content: <DataExport /> },
    {
      id: "leave",
      title: t("goingAway"),
      ofAccounts: true,
      content: <DeleteAccount user={user} onClosed={onClosed} />,
    },
  ].filter(({ ofAccounts }) => !(single && ofAccounts));
  return (
    <div className="mx-auto w-full max-w-[1040px] px-4 pb-20 pt-8 md:px-6 md:pt-12 lg:grid lg:grid-cols-[200px_minmax(0,1fr)] lg:gap-x-12">
      <h1 className="text-4xl tracking-[-0.035em] lg:col-span-2">{t("title")}</h1>
      <Contents label={t("contents")} parts={parts} />
      <div className="min-w-0">
        {parts.map(({ id, title, content }) => (
          <Section key={id} id={id} title={title}>
            {content}
          </Section>
        ))}
        <p className="mt-12 text-sm text-faint">
          Music Gen AI {version.data?.version} ·{" "}
          <a href="/docs" className="underline underline-offset-4 hover:text-ink">
            {t("api")}
          </a>
        </p>
      </div>
    </div>
  );
}

function Appearance() {
  const t = useTranslations("settings");
  const { locale, choose } = useLanguage();
  const [theme, setTheme] = useState<ThemeChoice>("system");
  useEffect(() => setTheme(chosenTheme()), []);
  return (
    <>
      <Line name={t("theme")}>
        <span role="group" aria-label={t("theme")} className="flex rounded-lg border border-line p-0.5">
          {THEMES.map((choice) => (
            <button
              key={choice}
              type="button"
              aria-pressed={theme === choice}
              onClick={() => {
                applyTheme(choice);
                setTheme(choice);
              }}
              className={`min-h-8 rounded-md px-3 py-1 text-sm touch:min-h-11 transition ${theme === choice ? "bg-raised font-semibold text-ink" : "text-muted hover:text-ink"}`}
            >
              {t(`themes.${choice}`)}
            </button>
          ))}
        </span>
      </Line>
      <Line name={t("language")}>
        <select
          aria-label={t("language")}
          className={selectClass}
          value={locale}
          onChange={(event) => choose(event.target.value as Locale)}
        >
          {LOCALES.map((name) => (
            <option key={name} value={name} lang={name}>
              {LOCALE_NAMES[name]}
            </option>
          ))}
        </select>
      </Line>
    </>
  );
}

function Sessions() {
  const t = useTranslations("settings");
  const format = useFormatter();
  const queries = useQueryClient();
  const text = useProblemText();
  const signOut = useSignOut();
  const sessions = useQuery({
    queryKey: ["sessions"],
    queryFn: async () => (await answer(api.GET("/api/v1/auth/sessions"))).items,
  });
  const end = useMutation({
    mutationFn: (id: string) =>
      answer(api.DELETE("/api/v1/auth/sessions/{session_id}", { params: { path: { session_id: id } } })),
    onError: (failure) => toast.error(text(failure)),
    onSettled: () => queries.invalidateQueries({ queryKey: ["sessions"] }),
  });
  if (sessions.error) return <Failed failure={sessions.error} retry={() => void sessions.refetch()} />;
  if (!sessions.data) return <Skeleton className="my-4 h-16" />;
  return (
    <ul aria-label={t("sessions")} className="divide-y divide-line">
      {sessions.data.map((session) => (
        <li key={session.id} className="flex items-center gap-4 py-3">
          <Laptop size={18} aria-hidden className="shrink-0 text-faint" />
          <div className="min-w-0 flex-1">
            <p className="truncate font-medium">
              {session.current ? t("thisDevice") : deviceName(session.user_agent) || session.address}
            </p>
            <p className="truncate text-sm text-muted">
              {session.address} ·{" "}
              {t("lastUsed", { when: format.relativeTime(new Date(session.last_used_at), new Date()) })}
            </p>
          </div>
          <Button
            size="small"
            look="danger"
            disabled={end.isPending}
            aria-label={session.current ? t("signOutHere") : t("endSession", { address: session.address })}
            onClick={() => (session.current ? signOut.mutate() : end.mutate(session.id))}
          >
            {t("end")}
          </Button>
        </li>
      ))}
    </ul>
  );
}
