"use client";

import { CircleCheck, CircleSlash } from "lucide-react";
import { useTranslations } from "use-intl";
import type { Track } from "@/lib/api/client";
import { useComposerWords } from "@/lib/use-composer-words";

/** The answer to "may I sell this?", and whom to name. */
export function LicenceCard({ track }: { track: Pick<Track, "licence"> }) {
  const t = useTranslations("track");
  const composer = useComposerWords();
  const { commercial_use: sellable, name, attributions } = track.licence;
  const Sign = sellable ? CircleCheck : CircleSlash;
  return (
    <section aria-labelledby="licence" className="panel p-5">
      <h2 id="licence" className="text-sm font-semibold text-muted">
        {t("maySell")}
      </h2>
      <p className={`mt-2 flex items-center gap-2 text-lg font-semibold ${sellable ? "text-good" : "text-bad"}`}>
        <Sign size={20} aria-hidden />
        {sellable ? t("sellYes") : t("sellNo")}
      </p>
      <p className="mt-1.5 text-sm text-muted">{composer.licence(name)}</p>
      {attributions.length > 0 && (
        <details className="mt-3 text-sm">
          <summary className="py-1 font-medium touch:py-3 text-muted hover:text-ink">{t("credits")}</summary>
          <ul className="mt-2 flex flex-col gap-1.5 text-faint">
            {attributions.map((line) => (
              <li key={line}>{line}</li>
            ))}
          </ul>
        </details>
      )}
    </section>
  );
}
