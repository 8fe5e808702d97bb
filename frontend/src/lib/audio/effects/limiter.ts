import { latencyOf, LIMITER, LIMITER_REACH as REACH } from "./kinds.js";
import { factorOf, Pace, type Processor, type Rows, type Setting, type Sides } from "./processor.js";
import { commonInterpolation } from "./true-peak.js";
import { kaiser, sinc } from "./windowed-sinc.js";

// Every number is that of services/processing/mixing/effects/limiter.py, which says why it is that.
const PHASES = 8;
const HALFWAY = PHASES / 2;
const WIDTH = 2 * REACH;
const BAND_REACH = 56;
const BETA = 6.5;
const CUTOFF = 0.94;
const ABOVE_COUNTS = 5;
const BETWEEN = 1.6;
const CUT_COUNTS = 2;
const MARGIN = factorOf(-0.2);
const NEARLY_ONE = 1 - 1e-6;
const COARSE = 16;

/** The limited band at eighths of a sample, the first at the sample itself, and as common meters read it. */
const FILTER: readonly Float64Array[] = (() => {
  const rows = Array.from({ length: PHASES }, (_, phase) => {
    const row = new Float64Array(WIDTH);
    for (let tap = 1 - BAND_REACH; tap <= BAND_REACH; tap += 1) {
      const x = tap - phase / PHASES;
      row[tap + REACH - 1] = sinc(CUTOFF * x) * kaiser(x / BAND_REACH, BETA);
    }
    const sum = row.reduce((all, tap) => all + tap, 0);
    return row.map((tap) => tap / sum);
  });
  const meters = commonInterpolation().map((common) =>
    Float64Array.from({ length: WIDTH }, (_, at) =>
      common.reduce((sum, tap, k) => sum + tap * (rows[0]![at + common.length / 2 - 1 - k] ?? 0), 0),
    ),
  );
  return [...rows, ...meters];
})();

const GREATEST_GAIN = Math.max(...FILTER.map((row) => row.reduce((sum, tap) => sum + Math.abs(tap), 0)));
/** Nothing quieter than the ceiling by this factor can need anything. */
const BOUND = (BETWEEN + CUT_COUNTS) * GREATEST_GAIN + ABOVE_COUNTS * (1 + GREATEST_GAIN);

/** One point of the limited band: what a filter makes of a line from a place on. */
function point(line: Float64Array, first: number, taps: Float64Array): number {
  let [a, b, c, d] = [0, 0, 0, 0];
  for (let k = 0; k < WIDTH; k += 4) {
    a += taps[k]! * line[first + k]!;
    b += taps[k + 1]! * line[first + k + 1]!;
    c += taps[k + 2]! * line[first + k + 2]!;
    d += taps[k + 3]! * line[first + k + 3]!;
  }
  return a + b + (c + d);
}

/** The sum of the newest so many values. */
class MovingSum {
  private readonly line: Float64Array;
  private at = 0;
  private sum: number;

  constructor(size: number, value: number) {
    this.line = new Float64Array(size).fill(value);
    this.sum = size * value;
  }

  get size(): number {
    return this.line.length;
  }

  /** Take the next value; `ones`: all that count are 1, which rounding forgets. */
  take(value: number, ones = false): number {
    this.sum += value - this.line[this.at]!;
    this.line[this.at] = value;
    this.at = (this.at + 1) % this.line.length;
    if (ones) this.sum = this.line.length;
    return this.sum;
  }
}

/** The least of the newest so many values, by a queue of those that rise. */
class MovingMinimum {
  private readonly values: Float64Array;
  private readonly places: Float64Array;
  private head = 0;
  private tail = 0;
  private clock = 0;

  constructor(private readonly size: number) {
    this.values = new Float64Array(size + 1);
    this.places = new Float64Array(size + 1);
  }

  take(value: number): number {
    const room = this.size + 1;
    while (this.tail > this.head && this.values[(this.tail - 1) % room]! >= value) this.tail -= 1;
    this.values[this.tail % room] = value;
    this.places[this.tail % room] = this.clock;
    this.tail += 1;
    while (this.places[this.head % room]! <= this.clock - this.size) this.head += 1;
    this.clock += 1;
    return this.values[this.head % room]!;
  }
}

/** What to do to a sample: how much of what lies above the band is taken away (0 to 1), and the gain. */
type Held = { band: number; gain: number };

/** From peaks to a gain that is there in time and has no corner: held over the look-ahead, and averaged twice. */
class Hold {
  private readonly least: MovingMinimum;
  private readonly gains: readonly [MovingSum, MovingSum];
  private readonly bands: readonly [MovingSum, MovingSum];
  private readonly release: Pace;
  private before = 0;
  private released = 1;
  private calm = 0;
  private idle: number;

  constructor(
    private readonly lookahead: number,
    rate: number,
  ) {
    // Both averages together are as long as the look-ahead and the sample itself.
    const one = Math.floor(lookahead / 2) + 1;
    const two = lookahead + 2 - one;
    this.least = new MovingMinimum(lookahead + 1);
    this.gains = [new MovingSum(one, 1), new MovingSum(two, 1)];
    this.bands = [new MovingSum(one, 0), new MovingSum(two, 0)];
    this.release = new Pace(rate);
    this.idle = lookahead + 1;
  }

  take(peak: number, needsBand: boolean, ceiling: number, releaseMs: number): Held {
    const around = Math.max(peak, this.before);
    this.before = peak;
    const least = this.least.take(around > ceiling ? ceiling / around : 1);
    this.released = Math.min(least, this.released + (1 - this.released) * this.release.of(releaseMs));
    if (this.released > NEARLY_ONE && least === 1) this.released = 1;
    this.calm = this.released === 1 ? this.calm + 1 : 0;
    const [one, two] = this.gains;
    const middle = one.take(this.released, this.calm >= one.size) / one.size;
    const gain = two.take(middle, this.calm >= one.size + two.size) / two.size;
    // The same in whole numbers: exactly 0 and exactly 1 at the ends.
    this.idle = needsBand ? 0 : this.idle + 1;
    const [first, second] = this.bands;
    const band = second.take(first.take(this.idle <= this.lookahead ? 1 : 0)) / (first.size * second.size);
    return { band, gain };
  }
}

/** Holds the true peak of both sides together, as `services/processing/mixing/effects/limiter.py` does it. */
export class Limiter implements Processor {
  private readonly latency: number;
  private readonly behind: number;
  private readonly hold: Hold;
  private lines: Sides;
  private clock = 0;
  /** What rang before the first sample. */
  private lost = 0;

  constructor({ values, rate }: Setting) {
    this.latency = latencyOf(LIMITER, values, rate);
    this.behind = this.latency + REACH;
    this.hold = new Hold(this.latency - REACH, rate);
    this.lines = [new Float64Array(this.behind), new Float64Array(this.behind)];
  }

  process(sides: Sides, { gain_db, ceiling_dbtp, release_ms }: Rows): void {
    const frames = sides[0].length;
    this.append(sides, gain_db!);
    const loudest = this.loudest(frames);
    let [lastCeiling, ceiling] = [NaN, 1];
    for (let i = 0; i < frames; i += 1) {
      if (ceiling_dbtp![i] !== lastCeiling) ceiling = factorOf((lastCeiling = ceiling_dbtp![i]!)) * MARGIN;
      const { peak, needsBand } = this.peak(this.latency + i, ceiling, loudest);
      this.clock += 1;
      const { band, gain } = this.hold.take(peak, needsBand, ceiling, release_ms![i]!);
      const at = REACH + i;
      for (const side of [0, 1] as const) {
        const line = this.lines[side];
        let heard = line[at]!;
        if (band > 0) heard += band * (point(line, at - REACH + 1, FILTER[0]!) - heard);
        sides[side][i] = heard * gain;
      }
    }
    for (const line of this.lines) line.copyWithin(0, frames, this.behind + frames);
  }

  /** Put a block behind what has come before. */
  private append(sides: Sides, gainDb: Float64Array): void {
    const frames = sides[0].length;
    if (this.lines[0].length < this.behind + frames)
      this.lines = this.lines.map((line) => {
        const longer = new Float64Array(this.behind + frames);
        longer.set(line.subarray(0, this.behind));
        return longer;
      }) as unknown as Sides;
    let [last, factor] = [NaN, 1];
    for (let i = 0; i < frames; i += 1) {
      if (gainDb[i] !== last) factor = factorOf((last = gainDb[i]!));
      for (const side of [0, 1] as const) this.lines[side][this.behind + i] = sides[side][i]! * factor;
    }
  }

  /** The loudest sample of each few, so that what is quiet is known at once. */
  private loudest(frames: number): Float64Array {
    const [left, right] = this.lines;
    const found = new Float64Array(Math.ceil((this.behind + frames) / COARSE));
    for (let i = 0; i < this.behind + frames; i += 1) {
      const k = Math.floor(i / COARSE);
      found[k] = Math.max(found[k]!, Math.abs(left[i]!), Math.abs(right[i]!));
    }
    return found;
  }

  /** The loudest point of the band from a sample to the next, where it can matter, and whether the band has to narrow. */
  private peak(at: number, ceiling: number, loudest: Float64Array): { peak: number; needsBand: boolean } {
    const first = at - REACH + 1;
    let around = 0;
    for (let k = Math.floor(first / COARSE); k * COARSE <= at + REACH; k += 1) around = Math.max(around, loudest[k]!);
    if (around * BOUND <= ceiling) return { peak: 0, needsBand: false };
    const [left, right] = this.lines;
    const height = (phase: number) =>
      Math.max(Math.abs(point(left, first, FILTER[phase]!)), Math.abs(point(right, first, FILTER[phase]!)));
    const inLeft = point(left, first, FILTER[0]!);
    const inRight = point(right, first, FILTER[0]!);
    const above = ABOVE_COUNTS * Math.max(Math.abs(left[at]! - inLeft), Math.abs(right[at]! - inRight));
    let peak = Math.max(Math.abs(inLeft), Math.abs(inRight), height(HALFWAY));
    // What comes within the first samples lies before the sound.
    let cut = 0;
    if (this.clock < REACH) this.lost = Math.max(this.lost, peak);
    else if (this.clock < WIDTH) cut = CUT_COUNTS * this.lost;
    if (peak * BETWEEN + above + cut <= ceiling) return { peak: 0, needsBand: false };
    for (let phase = 1; phase < FILTER.length; phase += 1) if (phase !== HALFWAY) peak = Math.max(peak, height(phase));
    return { peak: peak + cut, needsBand: peak + above + cut > ceiling };
  }
}
