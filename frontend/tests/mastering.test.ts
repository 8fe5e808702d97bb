import { describe, expect, test } from "vitest";
import { frequencyPlace, loudestTarget, masterRequest, readReport, spectrumPath } from "@/lib/mastering";

const meters = (lufs: number) => ({
  integrated_lufs: lufs,
  short_term_max_lufs: null,
  loudness_range_lu: 6.5,
  true_peak_dbtp: -1.15,
  correlation: 0.83,
  spectrum: [
    { hz: 100, db: -24 },
    { hz: 0, db: -30 },
    { hz: 1000, db: null },
    { hz: 10_000, db: -38 },
  ],
});
const result = (more: object) => ({ track_ids: ["t2"], files: [], ...more }) as never;

describe("the report of a master", () => {
  test("is read with what is missing left out", () => {
    const report = readReport(
      result({
        before: meters(-14),
        after: meters(-11),
        target: { lufs: -11, met: false },
        processing: { limiting_deepest_db: -4.48 },
        notes: ["Out of reach."],
      }),
    );
    expect(report).toMatchObject({ targetLufs: -11, met: false, limitingDeepestDb: -4.48, notes: ["Out of reach."] });
    expect(report!.after).toMatchObject({ integratedLufs: -11, shortTermMaxLufs: null, loudnessRangeLu: 6.5 });
    expect(report!.before.spectrum.map(({ hz }) => hz)).toEqual([100, 10_000]);
  });
  test("of another kind of job, or of none, is null", () => {
    expect(readReport(undefined)).toBeNull();
    expect(readReport(null)).toBeNull();
    expect(readReport(result({}))).toBeNull();
    expect(readReport(result({ before: meters(-14), after: { integrated_lufs: Number.NaN } }))).toBeNull();
  });
});

describe("asking for a master", () => {
  const nothing = { preset: "streaming", lufs: null, ceilingDbtp: null, referenceId: "" };
  test("says only what was chosen", () => {
    expect(masterRequest("t1", nothing)).toEqual({ track_id: "t1", preset: "streaming" });
    expect(masterRequest("t1", { ...nothing, preset: "", referenceId: "t9" })).toEqual({
      track_id: "t1",
      reference_track_id: "t9",
    });
  });
  test("never asks for a loudness that its ceiling has no room for", () => {
    expect(loudestTarget(-1)).toBe(-6);
    expect(masterRequest("t1", { ...nothing, lufs: -6, ceilingDbtp: -6 })).toMatchObject({
      target_lufs: -9,
      true_peak_dbtp: -6,
    });
  });
});

describe("a spectrum", () => {
  test("gives every octave the same room", () => {
    expect(frequencyPlace(20)).toBe(0);
    expect(frequencyPlace(20_000)).toBeCloseTo(1, 12);
    expect(frequencyPlace(400) - frequencyPlace(200)).toBeCloseTo(frequencyPlace(8000) - frequencyPlace(4000), 12);
  });
  test("is drawn from the bottom up and stays in its frame", () => {
    const path = spectrumPath(
      [
        { hz: 20, db: -99 },
        { hz: 20_000, db: 0 },
      ],
      300,
      100,
      -60,
      -12,
    );
    expect(path).toBe("M0.0 100.0L300.0 0.0");
  });
});
