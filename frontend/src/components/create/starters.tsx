"use client";

import { Dices } from "lucide-react";
import { useTranslations } from "use-intl";
import { STARTERS, surprise } from "@/lib/surprise";

/** Ideas to begin with, one press each; on phones they go past in one line. */
export function Starters({ onWrite, className = "" }: { onWrite: (prompt: string) => void; className?: string }) {
  const t = useTranslations("create");
  return (
    <div className={`hide-scrollbar -mx-4 flex gap-2 overflow-x-auto px-4 md:mx-0 md:flex-wrap md:px-0 ${className}`}>
      <button
        type="button"
        onClick={() => onWrite(surprise())}
        className="flex h-9 touch:h-11 shrink-0 items-center gap-2 rounded-full border border-line-strong px-4 text-sm font-semibold text-accent transition hover:bg-raised"
      >
        <Dices size={16} aria-hidden />
        {t("surprise")}
      </button>
      {STARTERS.map((starter) => (
        <button
          key={starter.name}
          type="button"
          onClick={() => onWrite(starter.prompt)}
          className="h-9 touch:h-11 shrink-0 rounded-full border border-line px-4 text-sm text-muted transition hover:border-line-strong hover:text-ink"
        >
          {t(`starters.${starter.name}`)}
        </button>
      ))}
    </div>
  );
}
