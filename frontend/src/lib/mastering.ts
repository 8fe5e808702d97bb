import type { Job } from "./api/client";

/** What the meters say of a recording; what a short or mono one does not have is null. */
export type Meters = {
  integratedLufs: number;
  shortTermMaxLufs: number | null;
  loudnessRangeLu: number | null;
  truePeakDbtp: number;
  correlation: number | null;
  /** Thirds of an octave. */
  spectrum: { hz: number; db: number }[];
};

/** What is said of a master. */
export type MasterReport = {
  before: Meters;
  after: Meters;
  targetLufs: number | null;
  met: boolean;
  /** The deepest that the limiter took, in dB; 0 or less. */
  limitingDeepestDb: number | null;
  notes: string[];
};

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;
const numberOf = (value: unknown): number | null =>
  typeof value === "number" && Number.isFinite(value) ? value : null;

function metersOf(value: unknown): Meters | null {
  if (!isRecord(value)) return null;
  const [integratedLufs, truePeakDbtp] = [numberOf(value.integrated_lufs), numberOf(value.true_peak_dbtp)];
  if (integratedLufs === null || truePeakDbtp === null) return null;
  const spectrum = (Array.isArray(value.spectrum) ? value.spectrum : []).flatMap((band: unknown) => {
    const [hz, db] = isRecord(band) ? [numberOf(band.hz), numberOf(band.db)] : [null, null];
    return hz !== null && hz > 0 && db !== null ? [{ hz, db }] : [];
  });
  return {
    integratedLufs,
    truePeakDbtp,
    spectrum,
    shortTermMaxLufs: numberOf(value.short_term_max_lufs),
    loudnessRangeLu: numberOf(value.loudness_range_lu),
    correlation: numberOf(value.correlation),
  };
}

/** The report that a mastering job left; null for any other job. */
export function readReport(result: Job["result"] | undefined): MasterReport | null {
  if (!isRecord(result)) return null;
  const extra: Record<string, unknown> = result;
  const [before, after] = [metersOf(extra.before), metersOf(extra.after)];
  if (!before || !after) return null;
  const target = isRecord(extra.target) ? extra.target : {};
  const processing = isRecord(extra.processing) ? extra.processing : {};
  return {
    before,
    after,
    targetLufs: numberOf(target.lufs),
    met: target.met !== false,
    limitingDeepestDb: numberOf(processing.limiting_deepest_db),
    notes: Array.isArray(extra.notes) ? extra.notes.map(String) : [],
  };
}

/** The ranges of the server's mastering. */
export const LUFS_RANGE = { min: -24, max: -6 } as const;
export const CEILING_RANGE = { min: -6, max: 0 } as const;

/** Closer than this to its ceiling no music can be as loud as asked, in LU. */
const CLOSEST_LU = 3;

/** The loudest target that a ceiling leaves room for. */
export function loudestTarget(ceilingDbtp: number): number {
  return Math.min(LUFS_RANGE.max, ceilingDbtp - CLOSEST_LU);
}

/** What `POST /processing/master` is asked for: only what was chosen. */
export function masterRequest(
  trackId: string,
  chosen: { preset: string; lufs: number | null; ceilingDbtp: number | null; referenceId: string },
): { track_id: string; preset?: string; target_lufs?: number; true_peak_dbtp?: number; reference_track_id?: string } {
  const { preset, lufs, ceilingDbtp, referenceId } = chosen;
  return {
    track_id: trackId,
    ...(preset ? { preset } : {}),
    ...(lufs === null ? {} : { target_lufs: Math.min(lufs, loudestTarget(ceilingDbtp ?? 0)) }),
    ...(ceilingDbtp === null ? {} : { true_peak_dbtp: ceilingDbtp }),
    ...(referenceId ? { reference_track_id: referenceId } : {}),
  };
}

const [LOWEST_HZ, HIGHEST_HZ] = [20, 20_000];

/** Where a frequency stands (0…1): every octave is as wide. */
export function frequencyPlace(hz: number): number {
  return Math.log(hz / LOWEST_HZ) / Math.log(HIGHEST_HZ / LOWEST_HZ);
}

/** A spectrum as the path of an SVG of `width` × `height`, from `lowest` to `highest` dB. */
export function spectrumPath(
  spectrum: Meters["spectrum"],
  width: number,
  height: number,
  lowest: number,
  highest: number,
): string {
  return spectrum
    .map(({ hz, db }, at) => {
      const x = frequencyPlace(hz) * width;
      const part = (Math.min(highest, Math.max(lowest, db)) - lowest) / (highest - lowest);
      return `${at ? "L" : "M"}${x.toFixed(1)} ${((1 - part) * height).toFixed(1)}`;
    })
    .join("");
}
