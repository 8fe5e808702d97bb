import { describe, expect, test } from "vitest";
import golden from "./effects.json";
import { valueAt, type AutomationPoint } from "@/lib/audio/automation";
import { Insert, parametersOf } from "@/lib/audio/effects/insert";
import { CONVOLVED, evenly, isMatched, lagOf, latencyOf, MATCHED, MIX, type Values } from "@/lib/audio/effects/kinds";
import { impulse } from "@/lib/audio/effects/impulse";

const { rate, frames, stride, tempo } = golden;
const BLOCK = 128;

type Case = {
  type: string;
  values: Values;
  lanes: Record<string, [number, number][]>;
  keyed: boolean;
  moves: string[];
  latency: number;
  lags: Record<string, number>;
  heard: number[];
};
const cases = golden.cases as unknown as Case[];

/** The sound that the server was given: `tests/support/studio_effects.py`. */
function sound(seed: number): [Float64Array, Float64Array] {
  const out: [Float64Array, Float64Array] = [new Float64Array(frames), new Float64Array(frames)];
  let state = seed;
  for (let frame = 0; frame < frames; frame += 1) {
    const envelope = 0.8 * Math.exp(-(frame % 3000) / 700);
    for (const side of out) {
      state = (Math.imul(1664525, state) + 1013904223) >>> 0;
      side[frame] = envelope * (state / 2 ** 31 - 1);
    }
  }
  return out;
}

const answers = new Map<string, [Float64Array, Float64Array]>();

/** What the browser's own nodes make of a sound before it reaches the effect: later, and in a space. */
function convolved(values: Values): [Float64Array, Float64Array] {
  const name = [values.space, values.decay_seconds, values.predelay_ms].join(" ");
  const known = answers.get(name);
  if (known) return known;
  const answer = impulse(String(values.space), Number(values.decay_seconds), rate);
  const late = evenly((Number(values.predelay_ms) * rate) / 1000);
  const made: [Float64Array, Float64Array] = [new Float64Array(frames), new Float64Array(frames)];
  for (const side of [0, 1] as const) {
    const [dry, response, out] = [sound(1)[side], answer[side], made[side]];
    for (let from = 0; from + late < frames; from += 1) {
      const level = dry[from]!;
      const count = Math.min(response.length, frames - from - late);
      for (let at = 0; at < count; at += 1) out[from + late + at]! += level * response[at]!;
    }
  }
  answers.set(name, made);
  return made;
}

/** What the studio makes of it, in the blocks of the audio thread. */
function played({ type, values, lanes, keyed: steered }: Case, from = 0): [Float64Array, Float64Array] {
  const sides = sound(1);
  const keyed = steered || type === CONVOLVED;
  const key = type === CONVOLVED ? convolved(values) : sound(2);
  const insert = new Insert(type, { values, rate, tempo, from });
  for (let at = 0; at < frames; at += BLOCK) {
    const rows = Object.fromEntries(
      parametersOf(type).map((name) => {
        const points = lanes[name]?.map(([time, value]): AutomationPoint => ({ time, value, curve: "linear" }));
        const lag = lagOf(type, name, values, rate);
        const value = (i: number) => (points ? valueAt(points, (at + i - lag) / rate) : Number(values[name] ?? 1));
        return [name, Float64Array.from({ length: Math.min(BLOCK, frames - at) }, (_, i) => value(i))];
      }),
    );
    const part = (sound: [Float64Array, Float64Array]) =>
      [sound[0].subarray(at, at + BLOCK), sound[1].subarray(at, at + BLOCK)] as const;
    const block = part(sides);
    insert.process(block, rows, keyed ? part(key) : block);
  }
  return sides;
}

const rms = (values: number[]) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);

describe("an effect in the preview", () => {
  test.each(cases.map((one, at) => [`${at} ${one.type}`, one] as const))("%s is the server's", (_, one) => {
    const [left, right] = played(one);
    const differences: number[] = [];
    // What the server is late and the studio is not.
    const ahead = one.latency - latencyOf(one.type, one.values, rate);
    for (let at = 0; at * stride < frames; at += 1)
      for (const [side, mine] of [left, right].entries())
        differences.push((mine[at * stride - ahead] ?? 0) - one.heard[2 * at + side]!);
    expect(differences.length).toBe(one.heard.length);
    expect(rms(one.heard)).toBeGreaterThan(0.01);
    // −100 dB below what is heard: nobody hears that, and a tenth of a decibel is ninety times as much.
    expect(rms(differences) / rms(one.heard)).toBeLessThan(1e-5);
  });
  test("has the parameters and the latency of the server's, and every matched one is held against it", () => {
    for (const { type, moves, values, latency, lags } of cases) {
      expect([type, MATCHED[type]]).toEqual([type, moves]);
      // The server convolves in partitions and is late by one; the browser's own convolution is not.
      const own = type === CONVOLVED ? 0 : latency;
      expect([type, latencyOf(type, values, rate)]).toEqual([type, own]);
      for (const name of moves)
        expect([type, name, lagOf(type, name, values, rate)]).toEqual([type, name, Math.min(lags[name] ?? 0, own)]);
    }
    expect([...new Set(cases.map(({ type }) => type))].sort()).toEqual(Object.keys(MATCHED).sort());
  });
  test("passes the sound untouched where nothing of it is mixed in, but for its wait", () => {
    const [dry] = sound(1);
    for (const one of cases) {
      const [left] = played({ ...one, values: { ...one.values, [MIX]: 0 }, lanes: {} });
      const late = left.subarray(latencyOf(one.type, one.values, rate));
      expect([one.type, late.every((value, at) => value === dry[at])]).toEqual([one.type, true]);
    }
  });
  test("stays finite and quiet for nothing, noise at full scale, and values that leap", () => {
    for (const { type, values } of cases) {
      const insert = new Insert(type, { values, rate, tempo, from: 12_345 });
      for (const level of [0, 1, 0]) {
        const block = [0, 1].map((side) =>
          Float64Array.from({ length: BLOCK }, (_, i) => level * ((i + side) % 2 ? 1 : -1)),
        );
        const rows = Object.fromEntries(
          parametersOf(type).map((name) => [name, new Float64Array(BLOCK).fill(Number(values[name] ?? 1))]),
        );
        insert.process([block[0]!, block[1]!], rows, [block[0]!, block[1]!]);
        expect([type, block.every((side) => side.every((value) => Math.abs(value) < 100))]).toEqual([type, true]);
      }
    }
  });
  test("that begins in the middle swings as it would have from the beginning", () => {
    const tremolo = cases.find(({ type, values }) => type === "tremolo" && values.shape === "sine")!;
    const steady = { ...tremolo, values: { ...tremolo.values, rate_hz: 4 }, lanes: {} };
    const period = rate / 4;
    expect([...played(steady, 3 * period)[0]]).toEqual([...played(steady)[0]]);
    expect(played(steady, period / 2)[0][100]).not.toBeCloseTo(played(steady)[0][100]!, 3);
  });
});

describe("what is matched", () => {
  test("leaves out what nobody here has", () => {
    expect(["reverb", "delay", "compressor", "pitch_shift"].every(isMatched)).toBe(true);
    expect(["vocoder", "toString", ""].some(isMatched)).toBe(false);
  });
  test("rounds halves to the even neighbour, as the server does", () => {
    expect([0.5, 1.5, 2.5, 2.4, 2.6, -0.5, 3].map(evenly)).toEqual([0, 2, 2, 2, 3, 0, 3].map((value) => value || 0));
  });
});
