"use client";

import { CircleAlert } from "lucide-react";
import { useTranslations } from "use-intl";
import { loudness, signed } from "@/lib/format";
import { frequencyPlace, spectrumPath, type MasterReport, type Meters } from "@/lib/mastering";
import { useComposerWords } from "@/lib/use-composer-words";

const [WIDTH, HEIGHT] = [320, 120];
const [LOWEST_DB, HIGHEST_DB] = [-60, -12];
const LABELLED_HZ = [50, 200, 1000, 5000, 15_000];

/** What a master changed: the meters side by side, and both spectra. */
export function MasterReportView({ report }: { report: MasterReport }) {
  const t = useTranslations("master");
  const { note: wordsOf } = useComposerWords();
  const level = (value: number | null, unit: string) => (value === null ? "–" : `${signed(value)} ${unit}`);
  const rows: [string, (meters: Meters) => string][] = [
    [t("integrated"), (meters) => loudness(meters.integratedLufs)],
    [t("shortTerm"), (meters) => (meters.shortTermMaxLufs === null ? "–" : loudness(meters.shortTermMaxLufs))],
    [t("range"), (meters) => level(meters.loudnessRangeLu, "LU").replace("+", "")],
    [t("truePeak"), (meters) => level(meters.truePeakDbtp, "dBTP")],
    [t("correlation"), (meters) => (meters.correlation === null ? "–" : signed(meters.correlation, 2))],
  ];
  return (
    <div className="mt-4">
      <table className="tabular w-full text-sm">
        <caption className="sr-only">{t("meters")}</caption>
        <thead>
          <tr className="text-left text-muted">
            <th scope="col" className="sr-only">
              {t("meter")}
            </th>
            <th scope="col" className="pb-1 text-right font-medium" colSpan={1}>
              {t("before")}
            </th>
            <th scope="col" className="pb-1 text-right font-medium">
              {t("after")}
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, text]) => (
            <tr key={name} className="border-t border-line">
              <th scope="row" className="py-1.5 text-left font-normal text-muted">
                {name}
              </th>
              <td className="py-1.5 text-right">{text(report.before)}</td>
              <td className="py-1.5 text-right font-semibold">{text(report.after)}</td>
            </tr>
          ))}
          {report.limitingDeepestDb !== null && (
            <tr className="border-t border-line">
              <th scope="row" className="py-1.5 text-left font-normal text-muted">
                {t("limiting")}
              </th>
              <td className="py-1.5 text-right">–</td>
              <td className="py-1.5 text-right font-semibold">{signed(Math.min(0, report.limitingDeepestDb))} dB</td>
            </tr>
          )}
        </tbody>
      </table>
      <Spectrum report={report} />
      {report.notes.map((note) => (
        <p key={note} className="mt-3 flex gap-2 text-sm text-muted">
          <CircleAlert size={16} aria-hidden className="mt-0.5 shrink-0 text-accent" />
          {wordsOf(note)}
        </p>
      ))}
    </div>
  );
}

function Spectrum({ report }: { report: MasterReport }) {
  const t = useTranslations("master");
  const path = ({ spectrum }: Meters) => spectrumPath(spectrum, WIDTH, HEIGHT, LOWEST_DB, HIGHEST_DB);
  if (report.before.spectrum.length < 2 || report.after.spectrum.length < 2) return null;
  return (
    <figure className="mt-4">
      <figcaption className="flex items-center gap-4 text-sm text-muted">
        <span className="mr-auto">{t("spectrum")}</span>
        <span className="flex items-center gap-1.5">
          <span aria-hidden className="w-4 border-t-2 border-dashed border-muted" />
          {t("before")}
        </span>
        <span className="flex items-center gap-1.5">
          <span aria-hidden className="w-4 border-t-2 border-coral" />
          {t("after")}
        </span>
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT + 16}`} role="img" aria-label={t("spectrumText")} className="mt-2 w-full">
        {[-48, -36, -24].map((db) => {
          const y = (1 - (db - LOWEST_DB) / (HIGHEST_DB - LOWEST_DB)) * HEIGHT;
          return <line key={db} x1={0} x2={WIDTH} y1={y} y2={y} stroke="var(--line)" />;
        })}
        {LABELLED_HZ.map((hz) => (
          <g key={hz}>
            <line
              x1={frequencyPlace(hz) * WIDTH}
              x2={frequencyPlace(hz) * WIDTH}
              y1={0}
              y2={HEIGHT}
              stroke="var(--line)"
            />
            <text x={frequencyPlace(hz) * WIDTH} y={HEIGHT + 13} textAnchor="middle" fontSize={10} fill="var(--faint)">
              {hz < 1000 ? hz : `${hz / 1000}k`}
            </text>
          </g>
        ))}
        <path d={path(report.before)} fill="none" stroke="var(--muted)" strokeWidth={1.5} strokeDasharray="4 3" />
        <path d={path(report.after)} fill="none" stroke="var(--coral)" strokeWidth={2} strokeLinejoin="round" />
      </svg>
    </figure>
  );
}
