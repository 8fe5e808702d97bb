import type { Values } from "./kinds.js";

/** Left and right of one block. */
export type Sides = readonly [Float64Array, Float64Array];

/** Each parameter at each sample of a block. */
export type Rows = Readonly<Record<string, Float64Array>>;

/** What an effect is built from; `from` is the sample of the song that it begins at. */
export type Setting = { values: Values; rate: number; tempo: number; from: number };

/** One effect at work, with the arithmetic of `services/processing/mixing/effects`. */
export interface Processor {
  /** Turn a block into the effect's sound, in place; `key` is what steers it. */
  process(sides: Sides, rows: Rows, key: Sides): void;
}

/** A wait of whole samples. */
export class Delay {
  private readonly lines: Sides;
  private at = 0;

  constructor(private readonly frames: number) {
    this.lines = [new Float64Array(frames), new Float64Array(frames)];
  }

  /** Replace a block by what it was `frames` samples ago. */
  process(sides: Sides): void {
    if (!this.frames) return;
    const count = sides[0].length;
    for (let i = 0; i < count; i += 1) {
      for (const side of [0, 1] as const) {
        const line = this.lines[side];
        const now = sides[side][i]!;
        sides[side][i] = line[this.at]!;
        line[this.at] = now;
      }
      this.at = (this.at + 1) % this.frames;
    }
  }
}

/** What a one-pole filter moves in one sample: 63 % of a step in that time. */
export function smoothing(milliseconds: number, rate: number): number {
  return milliseconds > 0 ? 1 - Math.exp(-1000 / (milliseconds * rate)) : 1;
}

/** A one-pole filter's step for times that may move. */
export class Pace {
  private last = NaN;
  private step = 1;

  constructor(private readonly rate: number) {}

  of(milliseconds: number): number {
    if (milliseconds !== this.last) {
      this.last = milliseconds;
      this.step = smoothing(milliseconds, this.rate);
    }
    return this.step;
  }
}

/** What a one-pole low-pass moves in one sample. */
export function onePole(hz: number, rate: number): number {
  return 1 - Math.exp((-2 * Math.PI * hz) / rate);
}

/** Decibels as a factor. */
export function factorOf(decibels: number): number {
  return 10 ** (decibels / 20);
}

/** A ring for `frames` samples and what lies around them: its length is a power of two. */
export function ring(frames: number): Float64Array {
  return new Float64Array(2 ** Math.ceil(Math.log2(frames)));
}

/** The ring at a place between samples: cubic Hermite (Catmull–Rom), exact on a sample. */
export function readLine(line: Float64Array, place: number): number {
  const mask = line.length - 1;
  const whole = Math.floor(place);
  const x = place - whole;
  const b = line[whole & mask]!;
  if (x === 0) return b;
  const a = line[(whole - 1) & mask]!;
  const c = line[(whole + 1) & mask]!;
  const d = line[(whole + 2) & mask]!;
  return b + 0.5 * x * (c - a + x * (2 * a - 5 * b + 4 * c - d + x * (3 * (b - c) + d - a)));
}

const NOTES: Readonly<Record<string, number>> = {
  "1/1": 4,
  "1/2d": 3,
  "1/2": 2,
  "1/2t": 4 / 3,
  "1/4d": 1.5,
  "1/4": 1,
  "1/4t": 2 / 3,
  "1/8d": 0.75,
  "1/8": 0.5,
  "1/8t": 1 / 3,
  "1/16d": 0.375,
  "1/16": 0.25,
  "1/16t": 1 / 6,
  "1/32": 0.125,
};

/** Seconds of the note that an effect follows; null where its time is free. */
export function syncedSeconds({ values, tempo }: Setting): number | null {
  const beats = NOTES[String(values.sync)];
  return beats === undefined ? null : (beats * 60) / tempo;
}

/** Where an oscillator of a steady rate stands at the sample that an effect begins at, in periods. */
export function phaseAt(hz: number, { from, rate }: Setting): number {
  const periods = (hz * from) / rate;
  return periods - Math.floor(periods);
}
