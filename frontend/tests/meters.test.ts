import { describe, expect, test } from "vitest";
import { Insert } from "@/lib/audio/effects/insert";
import { LIMITER } from "@/lib/audio/effects/kinds";
import { kWeighting } from "@/lib/audio/effects/loudness";
import { Meter, type Reading } from "@/lib/audio/effects/meter";
import { TruePeakMeter } from "@/lib/audio/effects/true-peak";
import { shownAfter } from "@/lib/audio/meter";

const BLOCK = 128;
type Wave = (seconds: number, sample: number) => number;

/** What the meters say after so long of a sound, in the blocks of the audio thread. */
function read(rate: number, seconds: number, waves: readonly Wave[]): Reading {
  const meter = new Meter(rate);
  for (let from = 0; from < seconds * rate; from += BLOCK)
    meter.add(waves.map((wave) => Float32Array.from({ length: BLOCK }, (_, i) => wave((from + i) / rate, from + i))));
  return meter.read();
}
const sine =
  (hz: number, peakDb: number, phase = 0): Wave =>
  (seconds) =>
    10 ** (peakDb / 20) * Math.sin(2 * Math.PI * hz * seconds + phase);
const silence: Wave = () => 0;

describe("the live meters", () => {
  test.each([44_100, 48_000, 96_000])("read a 997 Hz tone as EBU Tech 3341 has it, at %d Hz", (rate) => {
    // Cases 1 and 2: within 0.1 LU.
    for (const level of rate === 48_000 ? [-23, -33] : [-23]) {
      const tone = sine(997, level);
      const { momentaryLufs, shortTermLufs, truePeakDbtp, correlation } = read(rate, 3.2, [tone, tone]);
      expect(Math.abs(momentaryLufs - level)).toBeLessThan(0.1);
      expect(Math.abs(shortTermLufs - level)).toBeLessThan(0.1);
      expect(truePeakDbtp).toBeCloseTo(level, 1);
      expect(correlation).toBeCloseTo(1, 6);
    }
  });
  test("count one channel once, and what was not there yet as silence", () => {
    const tone = sine(997, -20);
    const { momentaryLufs, shortTermLufs, correlation } = read(48_000, 1.5, [tone]);
    expect(momentaryLufs).toBeCloseTo(-23, 1);
    // Half of three seconds.
    expect(shortTermLufs).toBeCloseTo(-23 + 10 * Math.log10(0.5), 1);
    expect(correlation).toBeNull();
    expect(read(48_000, 1, [silence, silence])).toEqual({
      momentaryLufs: -Infinity,
      shortTermLufs: -Infinity,
      truePeakDbtp: -Infinity,
      correlation: null,
    });
  });
  test("forget a tone when its windows have passed", () => {
    const burst: Wave = (seconds) => (seconds < 0.4 ? sine(997, -23)(seconds, 0) : 0);
    const { momentaryLufs, shortTermLufs } = read(48_000, 1.5, [burst, burst]);
    expect(momentaryLufs).toBe(-Infinity);
    expect(shortTermLufs).toBeCloseTo(-23 + 10 * Math.log10(0.4 / 3), 1);
  });
  test("weigh by the standard's own filters at 48 kHz", () => {
    // ITU-R BS.1770-5, tables 1 and 2.
    const [shelf, highPass] = kWeighting(48_000);
    const tables = [
      [1.53512485958697, -2.69169618940638, 1.19839281085285, -1.69065929318241, 0.73248077421585],
      [1, -2, 1, -1.99004745483398, 0.99007225036621],
    ];
    for (const [at, filter] of [shelf, highPass].entries())
      filter.forEach((value, place) => expect(value).toBeCloseTo(tables[at]![place]!, 8));
  });
  test("see what rises between samples", () => {
    // EBU Tech 3341, case 16: a quarter of the rate, half of full scale, sampled where it is 3 dB lower; +0.2 −0.4 dB.
    const tone = sine(12_000, -6.02, Math.PI / 4);
    const { truePeakDbtp } = read(48_000, 0.5, [tone, tone]);
    expect(truePeakDbtp).toBeGreaterThan(-6.4);
    expect(truePeakDbtp).toBeLessThan(-5.8);
  });
  test("tell sides that agree from sides that cancel", () => {
    const tone = sine(997, -20);
    expect(read(48_000, 1, [tone, (s, n) => -tone(s, n)]).correlation).toBeCloseTo(-1, 6);
    expect(Math.abs(read(48_000, 1, [tone, sine(997, -20, Math.PI / 2)]).correlation!)).toBeLessThan(0.01);
  });
});

describe("the limiter of the preview", () => {
  const rate = 48_000;
  const values = { gain_db: 0, ceiling_dbtp: -3, release_ms: 80, mix: 1 };
  const rows = Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, new Float64Array(BLOCK).fill(value)]),
  );
  function limited(wave: Wave, seconds: number): Float64Array {
    const insert = new Insert(LIMITER, { values, rate, tempo: 120, from: 0 });
    const out = new Float64Array(Math.ceil((seconds * rate) / BLOCK) * BLOCK);
    for (let from = 0; from < out.length; from += BLOCK) {
      const left = Float64Array.from({ length: BLOCK }, (_, i) => wave((from + i) / rate, from + i));
      insert.process([left, left.slice()], rows, [left, left]);
      out.set(left, from);
    }
    return out;
  }
  test("holds its ceiling between the samples too", () => {
    const waves: Wave[] = [
      sine(12_000, 6, Math.PI / 4),
      (seconds) => 2 * sine(60, 0)(seconds, 0) + 0.5 * sine(7_919, 0)(seconds, 0),
      (_, sample) => (sample % 2 ? 1 : -1),
      (_, sample) => (sample === 3000 ? 4 : 0),
    ];
    for (const wave of waves) {
      const meter = new TruePeakMeter(rate);
      meter.add([limited(wave, 0.25)]);
      expect(20 * Math.log10(meter.take())).toBeLessThanOrEqual(-3);
    }
  });
  test("does nothing, to the bit, below it", () => {
    const wave = sine(440, -9);
    const out = limited(wave, 0.25);
    const late = 240 + 64;
    expect(out.slice(0, late).every((value) => value === 0)).toBe(true);
    expect(out.slice(late).every((value, at) => value === wave(at / rate, at))).toBe(true);
  });
});

test("what is read out changes once a second, what moves with every reading", () => {
  const reading = (truePeakDbtp: number): Reading => ({
    momentaryLufs: truePeakDbtp - 9,
    shortTermLufs: -20,
    truePeakDbtp,
    correlation: 1,
  });
  let shown = shownAfter(null, reading(-6), 0);
  for (const [at, peak] of [-3, -9, -12, -12, -12, -12, -12, -12, -12].entries())
    shown = shownAfter(shown, reading(peak), at + 1);
  expect(shown).toEqual({ now: reading(-12), told: reading(-6), highestDbtp: -3, toldHighestDbtp: -6 });
  expect(shownAfter(shown, reading(-20), 10)).toMatchObject({ told: reading(-20), toldHighestDbtp: -3 });
});
