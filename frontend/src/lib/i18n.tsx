"use client";

import { createContext, useContext, useEffect, useMemo, useState, type ReactNode } from "react";
import { IntlProvider } from "use-intl";
import english from "@messages/en.json";

declare module "use-intl" {
  interface AppConfig {
    Messages: typeof english;
    Locale: Locale;
  }
}

/** The languages of the catalogue; English is complete by definition, the others are checked against it. */
export const LOCALES = ["en", "de"] as const;
export type Locale = (typeof LOCALES)[number];
export const LOCALE_NAMES: Record<Locale, string> = { en: "English", de: "Deutsch" };

const LOCALE_KEY = "studio.locale";
const CATALOGUES: Record<Locale, () => Promise<typeof english>> = {
  en: async () => english,
  de: async () => (await import("@messages/de.json")).default,
};

/** The language that was chosen, else the first of the browser's that we speak. */
export function preferredLocale(stored: string | null, languages: readonly string[]): Locale {
  const known = (tag: string) => LOCALES.find((locale) => tag.toLowerCase().startsWith(locale));
  return (stored && known(stored)) || languages.map(known).find(Boolean) || "en";
}

type LanguageChoice = { locale: Locale; choose: (locale: Locale) => void };
const LanguageContext = createContext<LanguageChoice>({ locale: "en", choose: () => undefined });

/** Which language the page speaks, and how to change it. */
export const useLanguage = () => useContext(LanguageContext);

/** Gives the pages their words. The exported HTML is English; another language is loaded when it is wanted. */
export function Language({ children }: { children: ReactNode }) {
  const [locale, setLocale] = useState<Locale>("en");
  const [messages, setMessages] = useState(english);

  const load = (wanted: Locale) =>
    CATALOGUES[wanted]().then((catalogue) => {
      // What is drawn with the new words already writes its numbers so.
      document.documentElement.lang = wanted;
      setMessages(catalogue);
      setLocale(wanted);
    });

  useEffect(() => {
    const wanted = preferredLocale(localStorage.getItem(LOCALE_KEY), navigator.languages);
    if (wanted !== "en") void load(wanted);
  }, []);

  const choice = useMemo(
    () => ({
      locale,
      choose: (wanted: Locale) => {
        localStorage.setItem(LOCALE_KEY, wanted);
        void load(wanted);
      },
    }),
    [locale],
  );
  return (
    <LanguageContext value={choice}>
      <IntlProvider locale={locale} messages={messages} timeZone="UTC">
        {children}
      </IntlProvider>
    </LanguageContext>
  );
}
