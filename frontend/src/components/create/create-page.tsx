"use client";

import { useEffect } from "react";
import { useTranslations } from "use-intl";
import { PromptForm } from "./prompt-form";
import { Takes } from "./takes";
import { useDraft } from "@/stores/draft";

/** The page where music begins: one question, and below it what came of it. */
export function CreatePage() {
  const t = useTranslations("create");
  useEffect(() => {
    void useDraft.persist.rehydrate();
    const asked = new URLSearchParams(location.search).get("prompt");
    if (asked) useDraft.getState().change({ prompt: asked });
  }, []);
  return (
    <div className="mx-auto w-full max-w-[1040px] px-4 pb-16 pt-8 md:px-6 md:pt-16">
      <h1 className="text-[clamp(30px,5vw,52px)] font-[680] tracking-[-0.035em]">{t("question")}</h1>
      <PromptForm />
      <Takes />
    </div>
  );
}
