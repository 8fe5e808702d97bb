"use client";

import { useTranslations } from "use-intl";
import { ButtonLink } from "@/components/ui/button";

/** How loud the page was, bar by bar, before it fell silent. */
const FADING = [22, 40, 58, 34, 64, 46, 72, 38, 54, 28, 44, 20, 32, 14, 22, 8, 12, 4];
const BARS = 36;

/** A page that is not there, and the way back to one that is. */
export function Lost() {
  const t = useTranslations("frame");
  return (
    <div className="appear relative isolate flex flex-1 flex-col items-center justify-center gap-4 overflow-hidden px-4 py-16 text-center">
      <div
        aria-hidden
        className="pointer-events-none absolute inset-x-0 top-0 -z-10 h-96 opacity-50 [background:radial-gradient(40%_60%_at_50%_20%,var(--glow),transparent)]"
      />
      <svg viewBox="0 0 288 80" aria-hidden className="mb-4 w-[min(72vw,288px)]">
        {Array.from({ length: BARS }, (_, at) => {
          const height = FADING[at] ?? 3;
          return (
            <rect
              key={at}
              x={at * 8}
              y={40 - height / 2}
              width="4"
              height={height}
              rx="2"
              fill={at < FADING.length ? "var(--coral)" : "var(--line-strong)"}
            />
          );
        })}
      </svg>
      <h1 className="text-[clamp(30px,5vw,52px)] font-[680] tracking-[-0.035em]">{t("lostTitle")}</h1>
      <p className="max-w-[44ch] text-lg text-muted">{t("lostText")}</p>
      <ButtonLink look="primary" size="large" href="/create/" className="mt-3">
        {t("lostAction")}
      </ButtonLink>
    </div>
  );
}
