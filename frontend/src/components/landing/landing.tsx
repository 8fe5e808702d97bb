"use client";

import { useRouter } from "next/navigation";
import { ArrowRight, HardDrive, Layers, Radio, Tag } from "lucide-react";
import { useRef, useState, type FormEvent } from "react";
import { useTranslations } from "use-intl";
import { ExampleRecord } from "./example-record";
import { TryIt } from "@/components/account/try-it";
import { Starters } from "@/components/create/starters";
import { buttonClass } from "@/components/ui/button";
import { EXAMPLES } from "@/lib/examples";

const PROMISES = [
  { name: "live", sign: Radio },
  { name: "stems", sign: Layers },
  { name: "sell", sign: Tag },
  { name: "yours", sign: HardDrive },
] as const;

/** Where a prompt is made into music. */
const madeOf = (prompt: string) =>
  prompt.trim() ? `/create/?prompt=${encodeURIComponent(prompt.trim())}` : "/create/";

/** What this is, told by music. */
export function Landing() {
  const t = useTranslations("landing");
  const router = useRouter();
  const [prompt, setPrompt] = useState("");
  const field = useRef<HTMLInputElement>(null);
  const write = (words: string) => {
    setPrompt(words);
    field.current?.focus();
  };
  const go = (event: FormEvent) => {
    event.preventDefault();
    router.push(madeOf(prompt));
  };
  return (
    <div className="relative isolate overflow-hidden">
      <div
        aria-hidden
        className="pointer-events-none absolute inset-x-0 -top-40 -z-10 h-[620px] opacity-60 [background:radial-gradient(48%_60%_at_50%_20%,var(--glow),transparent)]"
      />
      <section className="mx-auto max-w-[1100px] px-4 pb-6 pt-9 text-center md:px-6 md:pb-10 md:pt-20">
        <h1 className="mx-auto max-w-[15ch] text-[clamp(42px,8.4vw,96px)] font-[720] leading-[0.96] tracking-[-0.035em]">
          {t("title")}
        </h1>
        <p className="mx-auto mt-4 max-w-[54ch] text-base text-muted md:mt-6 md:text-xl">{t("lead")}</p>
        <form
          onSubmit={go}
          className="panel shadow-float mx-auto mt-6 flex md:mt-9 max-w-2xl items-center gap-2 p-2 transition focus-within:border-line-strong max-sm:flex-col"
        >
          <label htmlFor="idea" className="sr-only">
            {t("ask")}
          </label>
          <input
            ref={field}
            id="idea"
            value={prompt}
            onChange={(event) => setPrompt(event.target.value)}
            maxLength={2000}
            placeholder={t("placeholder")}
            autoComplete="off"
            className="h-12 w-full min-w-0 flex-1 rounded-md max-sm:flex-none bg-transparent px-3 outline-none sm:px-4 sm:text-lg"
          />
          <button type="submit" className={buttonClass("primary", "large", "max-sm:w-full")}>
            {t("make")}
            <ArrowRight size={18} aria-hidden />
          </button>
        </form>
        <div className="mt-4 min-h-10">
          <TryIt href={madeOf(prompt)} otherwise={<Starters onWrite={write} className="md:justify-center" />} />
        </div>
      </section>
      <section aria-labelledby="examples" className="mx-auto max-w-[1100px] px-4 md:px-6">
        <h2 id="examples" className="pb-3 text-base font-semibold text-muted">
          {t("examples")}
        </h2>
        <ul className="flex flex-col">
          {EXAMPLES.map((example, at) => (
            <ExampleRecord key={example.id} example={example} inviting={at === 0} />
          ))}
        </ul>
        <p className="mt-5 text-center text-sm text-faint">{t("examplesNote")}</p>
      </section>
      <section aria-label={t("promises")} className="mx-auto max-w-[1100px] px-4 pb-24 pt-20 md:px-6">
        <ul className="grid gap-x-10 gap-y-10 sm:grid-cols-2 lg:grid-cols-4">
          {PROMISES.map(({ name, sign: Sign }) => (
            <li key={name}>
              <Sign size={22} aria-hidden className="text-accent" />
              <h3 className="mt-3 text-lg">{t(`${name}.title`)}</h3>
              <p className="mt-1.5 text-muted">{t(`${name}.text`)}</p>
            </li>
          ))}
        </ul>
      </section>
    </div>
  );
}
