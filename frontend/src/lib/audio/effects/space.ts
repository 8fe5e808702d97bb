import { evenly } from "./kinds.js";
import {
  Delay,
  onePole,
  readLine,
  ring,
  syncedSeconds,
  type Processor,
  type Rows,
  type Setting,
  type Sides,
} from "./processor.js";

const LONGEST_DELAY_SECONDS = 4;
const LOW_OFF_HZ = 20;
const OPEN_HZ = 20_000;

/** A one-pole filter's step for a corner that may move; out of the way at the end of its range. */
class Corner {
  private last = NaN;
  private step = 0;

  constructor(
    private readonly rate: number,
    private readonly isOff: (hz: number) => boolean,
    private readonly off: number,
  ) {}

  of(hz: number): number {
    if (hz !== this.last) {
      this.last = hz;
      this.step = this.isOff(hz) ? this.off : onePole(hz, this.rate);
    }
    return this.step;
  }
}

/** What comes out of a space, without what is too low and too high; the space's answer comes in as its key. */
export class Convolved implements Processor {
  private readonly low: Corner;
  private readonly high: Corner;
  private readonly highs = [0, 0];
  private readonly lows = [0, 0];

  constructor({ rate }: Setting) {
    this.low = new Corner(rate, () => false, 0);
    this.high = new Corner(rate, () => false, 1);
  }

  process(sides: Sides, { low_cut_hz, high_cut_hz }: Rows, key: Sides): void {
    for (let i = 0; i < sides[0].length; i += 1) {
      const low = this.low.of(low_cut_hz![i]!);
      const high = this.high.of(high_cut_hz![i]!);
      for (const side of [0, 1] as const) {
        this.highs[side]! += (key[side][i]! - this.highs[side]!) * high;
        this.lows[side]! += (this.highs[side]! - this.lows[side]!) * low;
        sides[side][i] = this.highs[side]! - this.lows[side]!;
      }
    }
  }
}

/** Echoes: free or in time with the song, straight or from side to side. */
export class Echo implements Processor {
  private readonly lines: Sides;
  private readonly synced: number | null;
  private readonly crossing: boolean;
  private readonly low: Corner;
  private readonly high: Corner;
  private readonly lows = [0, 0];
  private readonly highs = [0, 0];
  private clock = 0;

  constructor(private readonly setting: Setting) {
    const { rate, values } = setting;
    this.synced = syncedSeconds(setting);
    this.crossing = Boolean(values.ping_pong);
    const frames = Math.max(LONGEST_DELAY_SECONDS, this.synced ?? 0) * rate + 8;
    this.lines = [ring(frames), ring(frames)];
    this.low = new Corner(rate, (hz) => hz <= LOW_OFF_HZ, 0);
    this.high = new Corner(rate, (hz) => hz >= OPEN_HZ, 1);
  }

  process([left, right]: Sides, { time_ms, feedback, low_cut_hz, high_cut_hz }: Rows): void {
    const { rate } = this.setting;
    const mask = this.lines[0].length - 1;
    const rests = time_ms!.every((time) => time === time_ms![0]);
    const wets = [0, 0];
    for (let i = 0; i < left.length; i += 1) {
      const low = this.low.of(low_cut_hz![i]!);
      const high = this.high.of(high_cut_hz![i]!);
      const frames = this.synced === null ? (time_ms![i]! * rate) / 1000 : this.synced * rate;
      // A time that rests is a whole number of samples.
      const behind = Math.max(rests || this.synced !== null ? evenly(frames) : frames, 2);
      for (const side of [0, 1] as const) {
        const echo = readLine(this.lines[side], this.clock - behind);
        this.highs[side] = high === 1 ? echo : this.highs[side]! + (echo - this.highs[side]!) * high;
        let wet = this.highs[side]!;
        if (low > 0) {
          this.lows[side]! += (wet - this.lows[side]!) * low;
          wet -= this.lows[side]!;
        }
        wets[side] = wet;
      }
      const [x, y] = wets as [number, number];
      const again = feedback![i]!;
      const at = this.clock & mask;
      this.lines[0][at] = this.crossing ? 0.5 * (left[i]! + right[i]!) + again * y : left[i]! + again * x;
      this.lines[1][at] = this.crossing ? again * x : right[i]! + again * y;
      left[i] = x;
      right[i] = y;
      this.clock += 1;
    }
  }
}

// Mutually incommensurable lengths of a middle-sized room, in seconds.
const LINE_SECONDS = [0.0297, 0.0353, 0.0397, 0.0439, 0.0491, 0.0547, 0.0599, 0.0673];
const DIFFUSER_SECONDS = [0.0047, 0.0036, 0.0127, 0.0093];
const DIFFUSION = 0.6;
const SWING_SECONDS = 0.00025;
const SWING_HZ = [0.31, 0.43, 0.53, 0.67, 0.37, 0.47, 0.59, 0.71];
const LINES = 8;
const CONTROL = 32;

/** A feedback delay network of eight lines (Jot and Chaigne, AES 90, 1991): the room's answer, without the dry sound. */
export class Reverb implements Processor {
  private readonly wait: Delay;
  private readonly lengths: number[];
  private readonly lines: Float64Array[];
  private readonly diffuserLengths: number[];
  private readonly diffusers: Float64Array[];
  private readonly damped = new Float64Array(LINES);
  private readonly cuts = [0, 0];
  private readonly places = new Float64Array(LINES);
  private readonly steps = new Float64Array(LINES);
  private readonly gains = new Float64Array(LINES);
  private readonly taps = new Float64Array(LINES);
  private readonly damping: Corner;
  private readonly lowCut: Corner;
  private decay = NaN;
  private level = 1;
  private clock: number;

  constructor(private readonly setting: Setting) {
    const { rate, values, from } = setting;
    const size = Number(values.size);
    this.wait = new Delay(evenly((Number(values.predelay_ms) * rate) / 1000));
    this.lengths = LINE_SECONDS.map((seconds) => evenly(seconds * size * rate));
    this.lines = this.lengths.map(() => ring(Math.max(...this.lengths) + 2 * SWING_SECONDS * rate + 8));
    this.diffuserLengths = DIFFUSER_SECONDS.map((seconds) => evenly(seconds * size * rate));
    this.diffusers = this.diffuserLengths.map(() => ring(Math.max(...this.diffuserLengths) + 1));
    this.damping = new Corner(rate, (hz) => hz >= OPEN_HZ, 1);
    this.lowCut = new Corner(rate, () => false, 0);
    // The lines swing as they would have from the song's beginning on.
    this.clock = from - (from % CONTROL);
  }

  process(sides: Sides, rows: Rows): void {
    this.wait.process(sides);
    const { rate } = this.setting;
    const { lengths, lines, taps, gains } = this;
    const mask = lines[0]!.length - 1;
    const round = this.diffusers[0]!.length - 1;
    for (let i = 0; i < sides[0].length; i += 1) {
      if (rows.decay_seconds![i] !== this.decay) this.ring(rows.decay_seconds![i]!);
      const damping = this.damping.of(rows.damping_hz![i]!);
      const cut = this.lowCut.of(rows.low_cut_hz![i]!);
      const clock = this.clock;
      if (clock % CONTROL === 0)
        for (let k = 0; k < LINES; k += 1) {
          const turn = (2 * Math.PI * SWING_HZ[k]!) / rate;
          this.places[k] = Math.sin(clock * turn);
          this.steps[k] = (Math.sin((clock + CONTROL) * turn) - this.places[k]!) / CONTROL;
        }
      for (const side of [0, 1] as const) {
        let x = sides[side][i]!;
        this.cuts[side]! += (x - this.cuts[side]!) * cut;
        x = (x - this.cuts[side]!) * this.level;
        for (let k = 0; k < 2; k += 1) {
          const d = 2 * k + side;
          const line = this.diffusers[d]!;
          const stored = line[(clock - this.diffuserLengths[d]!) & round]!;
          const entering = x - DIFFUSION * stored;
          line[clock & round] = entering;
          x = stored + DIFFUSION * entering;
        }
        sides[side][i] = x;
      }
      const sway = rows.modulation![i]! * SWING_SECONDS * rate;
      for (let k = 0; k < LINES; k += 1) {
        const value = readLine(lines[k]!, clock - lengths[k]! - sway * (1 + this.places[k]!));
        this.places[k]! += this.steps[k]!;
        this.damped[k]! += (value - this.damped[k]!) * damping;
        taps[k] = this.damped[k]! * gains[k]!;
      }
      const left = taps[0]! - taps[2]! + taps[4]! - taps[6]!;
      const right = taps[1]! - taps[3]! + taps[5]! - taps[7]!;
      for (const step of [1, 2, 4])
        for (let k = 0; k < LINES; k += 1)
          if (!(k & step)) {
            const [a, b] = [taps[k]!, taps[k + step]!];
            taps[k] = a + b;
            taps[k + step] = a - b;
          }
      for (let k = 0; k < LINES; k += 1) lines[k]![clock & mask] = taps[k]! * Math.SQRT1_2 * 0.5 + sides[k & 1]![i]!;
      const middle = 0.5 * (left + right);
      const apart = 0.5 * (left - right) * rows.width![i]!;
      sides[0][i] = middle + apart;
      sides[1][i] = middle - apart;
      this.clock += 1;
    }
  }

  /** Steady noise comes back about as loud as it went in, however long the decay. */
  private ring(seconds: number): void {
    this.decay = seconds;
    let square = 0;
    for (let k = 0; k < LINES; k += 1) {
      this.gains[k] = 10 ** ((-3 * this.lengths[k]!) / (this.setting.rate * seconds));
      square += this.gains[k]! ** 2 / LINES;
    }
    this.level = 0.5 * Math.sqrt((1 - square) / Math.max(square, 1e-6));
  }
}
