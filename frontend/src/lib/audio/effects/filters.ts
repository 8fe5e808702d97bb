import { type Processor, type Rows, type Setting, type Sides } from "./processor.js";

export const BUTTERWORTH_Q = Math.sqrt(0.5);
const HIGHEST = 0.49;

type Shape = "bell" | "low_shelf" | "high_shelf" | "notch" | "low_cut" | "high_cut";

/** One state-variable section: which rows steer it, and what its Q is multiplied by. */
type Section = { shape: Shape; hz: string; gain: string | null; q: string | null; scale: number };

/** a1, a2, a3 of the integrators and m0, m1, m2 of the mix (Simper, Cytomic 2013). */
export function coefficients(shape: Shape, hz: number, gainDb: number, q: number, rate: number): Float64Array {
  let g = Math.tan(Math.PI * Math.min(hz / rate, HIGHEST));
  let k = 1 / q;
  let [m0, m1, m2] = [1, 0, 0];
  const a = 10 ** (gainDb / 40);
  if (shape === "bell") {
    k = 1 / (q * a);
    m1 = k * (a * a - 1);
  } else if (shape === "low_shelf") {
    g /= Math.sqrt(a);
    [m1, m2] = [k * (a - 1), a * a - 1];
  } else if (shape === "high_shelf") {
    g *= Math.sqrt(a);
    [m0, m1, m2] = [a * a, k * (1 - a) * a, 1 - a * a];
  } else if (shape === "notch") m1 = -k;
  else if (shape === "low_cut") [m1, m2] = [-k, -1];
  else [m0, m2] = [0, 1];
  const a1 = 1 / (1 + g * (g + k));
  const a2 = g * a1;
  return Float64Array.of(a1, a2, g * a2, m0, m1, m2);
}

/** Sections in series, each with a corner that may move at every sample. */
class Sections implements Processor {
  private readonly memory: Float64Array[];

  constructor(
    private readonly sections: readonly Section[],
    private readonly rate: number,
  ) {
    this.memory = sections.map(() => new Float64Array(4));
  }

  process(sides: Sides, rows: Rows): void {
    this.sections.forEach((section, at) => this.run(section, this.memory[at]!, sides, rows));
  }

  private run({ shape, hz, gain, q, scale }: Section, memory: Float64Array, [left, right]: Sides, rows: Rows): void {
    const hertz = rows[hz]!;
    const gains = gain === null ? null : rows[gain]!;
    const widths = q === null ? null : rows[q]!;
    const lifts = shape === "bell" || shape === "low_shelf" || shape === "high_shelf";
    // A bell or shelf that was always at 0 dB does nothing, and is spared.
    if (lifts && gains!.every((value) => value === 0) && memory.every((value) => value === 0)) return;
    let [lastHz, lastGain, lastQ] = [NaN, NaN, NaN];
    let c = memory;
    for (let i = 0; i < left.length; i += 1) {
      const [nowHz, nowGain, nowQ] = [hertz[i]!, gains ? gains[i]! : 0, (widths ? widths[i]! : 1) * scale];
      if (nowHz !== lastHz || nowGain !== lastGain || nowQ !== lastQ) {
        [lastHz, lastGain, lastQ] = [nowHz, nowGain, nowQ];
        c = coefficients(shape, nowHz, nowGain, nowQ, this.rate);
      }
      for (let side = 0; side < 2; side += 1) {
        const line = side ? right : left;
        const [one, two] = [memory[2 * side]!, memory[2 * side + 1]!];
        const x = line[i]!;
        const v3 = x - two;
        const v1 = c[0]! * one + c[1]! * v3;
        const v2 = two + c[1]! * one + c[2]! * v3;
        memory[2 * side] = 2 * v1 - one;
        memory[2 * side + 1] = 2 * v2 - two;
        line[i] = c[3]! * x + c[4]! * v1 + c[5]! * v2;
      }
    }
  }
}

/** Six bands in series; those that are off are not there at all. */
export function equalizer({ values, rate }: Setting): Processor {
  const sections = [1, 2, 3, 4, 5, 6].flatMap((band) => {
    const shape = String(values[`band${band}_shape`]);
    const rows = { hz: `band${band}_frequency_hz`, gain: `band${band}_gain_db`, q: `band${band}_q`, scale: 1 };
    return shape === "off" ? [] : [{ shape: shape as Shape, ...rows }];
  });
  return new Sections(sections, rate);
}

/** Butterworth sections of 12, 24 or 48 dB an octave; the sharpest follows the Q. */
export function cut(shape: "low_cut" | "high_cut"): (setting: Setting) => Processor {
  return ({ values, rate }) => {
    const order = Math.trunc(Number(values.slope) / 6);
    const scales = Array.from({ length: order / 2 }, (_, n) => 0.5 / Math.cos((Math.PI * (2 * n + 1)) / (2 * order)));
    scales.sort((a, b) => a - b);
    const sections = scales.map((scale, at): Section => {
      const sharpest = at === scales.length - 1;
      const own = sharpest ? { q: "q", scale: scale / BUTTERWORTH_Q } : { q: null, scale };
      return { shape, hz: "frequency_hz", gain: null, ...own };
    });
    return new Sections(sections, rate);
  };
}

/** A section of a crossover: what passes below its corner, what lies at it, and what it remembers. */
export class Splitter {
  private one = 0;
  private two = 0;
  band = 0;
  low = 0;

  /** Take a sample; `band` and `low` hold what came of it. */
  take(x: number, c: Float64Array): void {
    const v3 = x - this.two;
    this.band = c[0]! * this.one + c[1]! * v3;
    this.low = this.two + c[1]! * this.one + c[2]! * v3;
    this.one = 2 * this.band - this.one;
    this.two = 2 * this.low - this.two;
  }
}
