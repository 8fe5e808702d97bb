import { Fourier } from "./fourier.js";
import type { Processor, Rows, Setting, Sides } from "./processor.js";
import { kaiser, sinc } from "./windowed-sinc.js";

/** Samples of a grain, and from one to the next. */
const SIZE = 2048;
const HOP = SIZE / 4;
const BINS = SIZE / 2 + 1;
/** Highest speed at which a grain is read: two octaves. */
const FASTEST = 4;
const ZEROS = 16;
const TABLE_STEPS = 512;
const KAISER = 9;
/** Samples of the source that a grain may need after its centre and before it. */
const REACH = Math.round(FASTEST * (SIZE / 2 + ZEROS)) + 2;
const BACK = REACH + Math.round(FASTEST * HOP);
/** Samples of input that must have come after a grain's centre: a whole number of hops. */
const AHEAD = Math.ceil(REACH / HOP) * HOP;
/** A grain that holds this much more energy than the one a hop before begins something new. */
const ATTACK_RATIO = 2.5;
/** Squared Hann windows at a quarter of their length add up to this. */
const OVERLAP = 1.5;

const WINDOW = Float64Array.from({ length: SIZE }, (_, at) => 0.5 - 0.5 * Math.cos((2 * Math.PI * at) / SIZE));

/** A windowed sinc, in steps; on whole samples it is exactly nothing. */
const TABLE = Float64Array.from({ length: ZEROS * TABLE_STEPS + 2 }, (_, at) => {
  const x = at / TABLE_STEPS;
  return at > 0 && at % TABLE_STEPS === 0 ? 0 : sinc(x) * kaiser(x / ZEROS, KAISER);
});

type Spectrum = { re: [Float64Array, Float64Array]; im: [Float64Array, Float64Array] };
const spectrum = (): Spectrum => ({
  re: [new Float64Array(BINS), new Float64Array(BINS)],
  im: [new Float64Array(BINS), new Float64Array(BINS)],
});

/**
 * Higher or lower at the song's own speed: the server's phase vocoder with locked phases (Laroche and Dolson, IEEE TSAP 7,
 * 1999; Puckette, 1995), grain for grain. Both sides are turned by the same angle, which keeps the stereo image.
 */
export class PitchShift implements Processor {
  private readonly keepAttacks: boolean;
  private readonly input = [new Float64Array(BACK + AHEAD + HOP), new Float64Array(BACK + AHEAD + HOP)] as const;
  private readonly semitones = new Float64Array(AHEAD + HOP);
  private readonly sum = [new Float64Array(SIZE), new Float64Array(SIZE)] as const;
  private readonly read = [new Float64Array(SIZE + HOP), new Float64Array(SIZE + HOP)] as const;
  private readonly power = new Float64Array(BINS);
  private readonly fourier = new Fourier(SIZE);
  private readonly re = new Float64Array(SIZE);
  private readonly im = new Float64Array(SIZE);
  private readonly before = spectrum();
  private now = spectrum();
  private made = spectrum();
  private filled = 0;

  constructor({ values }: Setting) {
    this.keepAttacks = Boolean(values.keep_attacks);
  }

  process(sides: Sides, rows: Rows): void {
    const count = sides[0].length;
    for (let place = 0; place < count;) {
      if (this.filled === 0) this.make();
      const run = Math.min(HOP - this.filled, count - place);
      for (const side of [0, 1] as const) {
        this.input[side].set(sides[side].subarray(place, place + run), BACK + AHEAD + this.filled);
        sides[side].set(this.sum[side].subarray(this.filled, this.filled + run), place);
      }
      this.semitones.set(rows.semitones!.subarray(place, place + run), AHEAD + this.filled);
      place += run;
      this.filled = (this.filled + run) % HOP;
    }
  }

  /** Lay the grain whose centre lies `AHEAD` samples back, and let a hop go out. */
  private make(): void {
    for (const line of [...this.input, ...this.sum, this.semitones]) {
      line.copyWithin(0, HOP);
      line.fill(0, line.length - HOP);
    }
    this.readGrain(2 ** (this.semitones[0]! / 12));
    const newest = this.transform(HOP, this.now);
    const older = this.transform(0, this.before);
    if (!(this.keepAttacks && newest > ATTACK_RATIO * older + 1e-9)) this.lock();
    this.lay();
    [this.now, this.made] = [this.made, this.now];
  }

  /** Read a grain, and a hop before it, at a speed: band-limited for speeds above one. */
  private readGrain(speed: number): void {
    const [left, right] = this.input;
    const cutoff = speed > 1 ? 1 / speed : 1;
    const reach = ZEROS / cutoff;
    for (let i = 0; i < SIZE + HOP; i += 1) {
      const place = BACK + speed * (i - HOP - SIZE / 2);
      let [l, r] = [0, 0];
      if (cutoff === 1 && Number.isInteger(place)) [l, r] = [left[place]!, right[place]!];
      else {
        const last = Math.floor(place + reach);
        for (let k = Math.ceil(place - reach); k <= last; k += 1) {
          const x = Math.abs(place - k) * cutoff * TABLE_STEPS;
          const j = Math.trunc(x);
          if (j + 1 >= TABLE.length) continue;
          const weight = (TABLE[j]! + (TABLE[j + 1]! - TABLE[j]!) * (x - j)) * cutoff;
          l += weight * left[k]!;
          r += weight * right[k]!;
        }
      }
      this.read[0][i] = l;
      this.read[1][i] = r;
    }
  }

  /** The spectra of both sides of what was read, from a place on; its energy. */
  private transform(from: number, { re, im }: Spectrum): number {
    const [x, y] = [this.re, this.im];
    let energy = 0;
    for (let at = 0; at < SIZE; at += 1) {
      x[at] = this.read[0][from + at]! * WINDOW[at]!;
      y[at] = this.read[1][from + at]! * WINDOW[at]!;
      energy += x[at]! ** 2 + y[at]! ** 2;
    }
    // Two real signals in one complex transform: left is its even part, right its odd one.
    this.fourier.forward(x, y);
    for (let bin = 0; bin < BINS; bin += 1) {
      const other = (SIZE - bin) % SIZE;
      re[0][bin] = (x[bin]! + x[other]!) / 2;
      im[0][bin] = (y[bin]! - y[other]!) / 2;
      re[1][bin] = (y[bin]! + y[other]!) / 2;
      im[1][bin] = (x[other]! - x[bin]!) / 2;
    }
    return energy;
  }

  /** Turn the bins around each peak by the angle that carries on the grain before. */
  private lock(): void {
    const { re, im } = this.now;
    const power = this.power;
    for (let bin = 0; bin < BINS; bin += 1)
      power[bin] = re[0][bin]! ** 2 + im[0][bin]! ** 2 + re[1][bin]! ** 2 + im[1][bin]! ** 2;
    let [start, peak] = [0, -1];
    for (let bin = 0; bin < BINS; bin += 1) {
      if (!isTop(power, bin)) continue;
      if (peak >= 0) {
        // The border between two peaks is where it is quietest.
        let end = peak + 1;
        for (let at = peak + 1; at < bin; at += 1) if (power[at]! < power[end]!) end = at;
        this.turn(peak, start, end);
        start = end;
      }
      peak = bin;
    }
    if (peak >= 0) this.turn(peak, start, BINS);
  }

  private turn(peak: number, start: number, end: number): void {
    const { re, im } = this.now;
    const level = (side: 0 | 1) => Math.hypot(re[side][peak]!, im[side][peak]!);
    const side = level(0) >= level(1) ? 0 : 1;
    const [a, b] = [this.made.re[side][peak]!, this.made.im[side][peak]!];
    const [c, d] = [this.before.re[side][peak]!, -this.before.im[side][peak]!];
    let [x, y] = [a * c - b * d, a * d + b * c];
    const size = Math.hypot(x, y);
    [x, y] = size > 1e-30 ? [x / size, y / size] : [1, 0];
    for (const one of [0, 1] as const)
      for (let bin = start; bin < end; bin += 1) {
        const [p, q] = [re[one][bin]!, im[one][bin]!];
        re[one][bin] = p * x - q * y;
        im[one][bin] = p * y + q * x;
      }
  }

  /** Add the grain to what goes out. */
  private lay(): void {
    const { re, im } = this.now;
    const [x, y] = [this.re, this.im];
    for (let bin = 0; bin < BINS; bin += 1) {
      // At both ends a real signal has nothing imaginary.
      const inner = bin > 0 && bin < BINS - 1;
      const [p, q] = [im[0][bin]!, im[1][bin]!];
      x[bin] = re[0][bin]! - (inner ? q : 0);
      y[bin] = re[1][bin]! + (inner ? p : 0);
      if (!inner) continue;
      x[SIZE - bin] = re[0][bin]! + q;
      y[SIZE - bin] = re[1][bin]! - p;
    }
    // Backwards is forwards with both parts in each other's place.
    this.fourier.forward(y, x);
    for (let at = 0; at < SIZE; at += 1) {
      const weight = WINDOW[at]! / OVERLAP / SIZE;
      this.sum[0][at]! += x[at]! * weight;
      this.sum[1][at]! += y[at]! * weight;
    }
  }
}

/** Whether a bin is louder than both on each side of it; of equals the lowest is. */
function isTop(power: Float64Array, bin: number): boolean {
  const here = power[bin]!;
  if (!(here > 0)) return false;
  for (const apart of [-2, -1, 1, 2]) {
    const other = power[bin + apart];
    if (other !== undefined && (other > here || (other === here && apart < 0))) return false;
  }
  return true;
}
