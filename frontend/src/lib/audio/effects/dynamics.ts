import { BUTTERWORTH_Q, coefficients, Splitter } from "./filters.js";
import { latencyOf } from "./kinds.js";
import { Delay, factorOf, Pace, smoothing, type Processor, type Rows, type Setting, type Sides } from "./processor.js";

const RMS_MS = 10;
const FALL_SECONDS = 0.01;
const TINY = 1e-12;
const SILENCE_DB = -96;
const WITHOUT_RANGE = -1e9;
const K = 1 / BUTTERWORTH_Q;

/** A power as a level, at least −120 dB. */
function decibelsOf(power: number): number {
  return 10 * Math.log10(Math.max(power, TINY));
}

/** The louder side's power at a sample. */
function peakPower([left, right]: Sides, i: number): number {
  return Math.max(left[i]! * left[i]!, right[i]! * right[i]!);
}

/** The static curve and its way in time (Giannoulis, Massberg and Reiss, JAES 60, 2012). */
class GainComputer {
  private reduction = 0;
  private readonly attack: Pace;
  private readonly release: Pace;

  constructor(rate: number) {
    [this.attack, this.release] = [new Pace(rate), new Pace(rate)];
  }

  factor(
    level: number,
    threshold: number,
    ratio: number,
    knee: number,
    attackMs: number,
    releaseMs: number,
    gain: number,
    range: number,
  ): number {
    const slope = 1 - 1 / ratio;
    const over = level - threshold;
    const inside = over + 0.5 * knee;
    const bent = inside > 0 ? (slope / Math.max(2 * knee, 1e-9)) * inside * inside : 0;
    const wanted = Math.min(2 * over >= knee ? over * slope : bent, -range);
    this.reduction +=
      (wanted - this.reduction) * (wanted > this.reduction ? this.attack.of(attackMs) : this.release.of(releaseMs));
    if (this.reduction < 1e-9) this.reduction = 0;
    return factorOf(gain - this.reduction);
  }
}

/** One band; it looks ahead where it is asked to. */
export class Compressor implements Processor {
  private readonly computer: GainComputer;
  private readonly wait: Delay;
  private readonly step: number;
  private readonly rms: boolean;
  private power = 0;

  constructor({ values, rate }: Setting) {
    this.computer = new GainComputer(rate);
    this.wait = new Delay(latencyOf("compressor", values, rate));
    this.step = smoothing(RMS_MS, rate);
    this.rms = values.detector === "rms";
  }

  process(sides: Sides, rows: Rows, key: Sides): void {
    const [left, right] = sides;
    const { threshold_db, ratio, knee_db, attack_ms, release_ms, makeup_db } = rows;
    const gains = new Float64Array(left.length);
    for (let i = 0; i < gains.length; i += 1) {
      let power = peakPower(key, i);
      if (this.rms) {
        const mean = 0.5 * (key[0][i]! * key[0][i]! + key[1][i]! * key[1][i]!);
        power = this.power += (mean - this.power) * this.step;
      }
      gains[i] = this.computer.factor(
        decibelsOf(power),
        threshold_db![i]!,
        ratio![i]!,
        knee_db![i]!,
        attack_ms![i]!,
        release_ms![i]!,
        makeup_db![i]!,
        WITHOUT_RANGE,
      );
    }
    this.wait.process(sides);
    for (let i = 0; i < gains.length; i += 1) {
      left[i]! *= gains[i]!;
      right[i]! *= gains[i]!;
    }
  }
}

/** Linkwitz–Riley bands of fourth order; the low band passes the all-pass that the upper crossover is. */
class Crossover {
  private readonly s = Array.from({ length: 7 }, () => new Splitter());
  low = 0;
  mid = 0;
  high = 0;

  take(x: number, a: Float64Array, b: Float64Array): void {
    const [first, bottom, second, third, middle, fifth, around] = this.s as [
      Splitter,
      Splitter,
      Splitter,
      Splitter,
      Splitter,
      Splitter,
      Splitter,
    ];
    first.take(x, a);
    bottom.take(first.low, a);
    const above = x - K * first.band - first.low;
    second.take(above, a);
    const upper = above - K * second.band - second.low;
    third.take(upper, b);
    middle.take(third.low, b);
    const top = upper - K * third.band - third.low;
    fifth.take(top, b);
    around.take(bottom.low, b);
    this.low = bottom.low - 2 * K * around.band;
    this.mid = middle.low;
    this.high = top - K * fifth.band - fifth.low;
  }
}

const PARTS = ["low", "mid", "high"] as const;

/** Three bands, each compressed by itself. */
export class MultibandCompressor implements Processor {
  private readonly crossovers = [new Crossover(), new Crossover()] as const;
  private readonly computers: GainComputer[];
  private corners: [number, number] = [NaN, NaN];
  private a: Float64Array = new Float64Array(6);
  private b: Float64Array = new Float64Array(6);

  constructor(private readonly setting: Setting) {
    this.computers = PARTS.map(() => new GainComputer(setting.rate));
  }

  process([left, right]: Sides, rows: Rows): void {
    const { rate } = this.setting;
    const [l, r] = this.crossovers;
    const bands = PARTS.map((part) => ({
      threshold: rows[`${part}_threshold_db`]!,
      ratio: rows[`${part}_ratio`]!,
      attack: rows[`${part}_attack_ms`]!,
      release: rows[`${part}_release_ms`]!,
      gain: rows[`${part}_gain_db`]!,
    }));
    for (let i = 0; i < left.length; i += 1) {
      const [lower, upper] = [rows.low_crossover_hz![i]!, rows.high_crossover_hz![i]!];
      if (lower !== this.corners[0]) this.a = coefficients("high_cut", lower, 0, BUTTERWORTH_Q, rate);
      if (upper !== this.corners[1]) this.b = coefficients("high_cut", upper, 0, BUTTERWORTH_Q, rate);
      this.corners = [lower, upper];
      l.take(left[i]!, this.a, this.b);
      r.take(right[i]!, this.a, this.b);
      let outLeft = 0;
      let outRight = 0;
      for (let at = 0; at < PARTS.length; at += 1) {
        const x = l[PARTS[at]!];
        const y = r[PARTS[at]!];
        const { threshold, ratio, attack, release, gain } = bands[at]!;
        const factor = this.computers[at]!.factor(
          decibelsOf(Math.max(x * x, y * y)),
          threshold[i]!,
          ratio[i]!,
          6,
          attack[i]!,
          release[i]!,
          gain[i]!,
          WITHOUT_RANGE,
        );
        outLeft += x * factor;
        outRight += y * factor;
      }
      left[i] = outLeft;
      right[i] = outRight;
    }
  }
}

/** The louder side's power, falling slowly between the peaks of a wave. */
class HeldLevel {
  private readonly keep: number;
  private power = 0;

  constructor(rate: number) {
    this.keep = Math.exp(-1 / (FALL_SECONDS * rate));
  }

  take(power: number): number {
    return (this.power = Math.max(power, this.power * this.keep));
  }
}

/** Turns the highs down while they are louder than the threshold. */
export class DeEsser implements Processor {
  private readonly level: HeldLevel;
  private readonly computer: GainComputer;
  private readonly found = [new Splitter(), new Splitter()] as const;
  private readonly split = new Float64Array(2);
  private corner = NaN;
  private c: Float64Array = new Float64Array(6);
  private g = 0;

  constructor(private readonly setting: Setting) {
    this.level = new HeldLevel(setting.rate);
    this.computer = new GainComputer(setting.rate);
  }

  process(sides: Sides, rows: Rows): void {
    const { rate } = this.setting;
    const high = [0, 0];
    for (let i = 0; i < sides[0].length; i += 1) {
      const hz = rows.frequency_hz![i]!;
      if (hz !== this.corner) {
        this.corner = hz;
        this.c = coefficients("high_cut", hz, 0, BUTTERWORTH_Q, rate);
        // An octave lower: a gentle slope lets much through around its corner.
        const g = Math.tan(0.5 * Math.PI * Math.min(hz / rate, 0.49));
        this.g = g / (1 + g);
      }
      let power = 0;
      for (const side of [0, 1] as const) {
        const x = sides[side][i]!;
        const v = (x - this.split[side]!) * this.g;
        const lower = v + this.split[side]!;
        this.split[side] = lower + v;
        high[side] = x - lower;
        const detector = this.found[side];
        detector.take(x, this.c);
        const heard = x - K * detector.band - detector.low;
        power = Math.max(power, heard * heard);
      }
      const factor = this.computer.factor(
        decibelsOf(this.level.take(power)),
        rows.threshold_db![i]!,
        rows.ratio![i]!,
        4,
        rows.attack_ms![i]!,
        rows.release_ms![i]!,
        0,
        rows.range_db![i]!,
      );
      for (const side of [0, 1] as const) sides[side][i]! -= (1 - factor) * high[side]!;
    }
  }
}

/** Open above the threshold, closed below. */
export class Gate implements Processor {
  private readonly level: HeldLevel;
  private readonly attack: Pace;
  private readonly release: Pace;
  private gain = 0;
  private open = false;
  private left = 0;

  constructor(private readonly setting: Setting) {
    this.level = new HeldLevel(setting.rate);
    [this.attack, this.release] = [new Pace(setting.rate), new Pace(setting.rate)];
  }

  process([left, right]: Sides, rows: Rows, key: Sides): void {
    const { threshold_db, hysteresis_db, range_db, hold_ms, attack_ms, release_ms } = rows;
    for (let i = 0; i < left.length; i += 1) {
      const power = this.level.take(peakPower(key, i));
      const threshold = threshold_db![i]!;
      const hold = (hold_ms![i]! * this.setting.rate) / 1000;
      if (power >= 10 ** (threshold / 10)) [this.open, this.left] = [true, hold];
      else if (this.open && power >= 10 ** ((threshold - hysteresis_db![i]!) / 10))
        this.left = Math.max(this.left, hold);
      else if (this.left > 0) this.left -= 1;
      else this.open = false;
      const range = range_db![i]!;
      const target = this.open ? 1 : range > SILENCE_DB ? factorOf(range) : 0;
      this.gain +=
        (target - this.gain) * (target > this.gain ? this.attack.of(attack_ms![i]!) : this.release.of(release_ms![i]!));
      if (Math.abs(target - this.gain) < 1e-9) this.gain = target;
      left[i]! *= this.gain;
      right[i]! *= this.gain;
    }
  }
}

/** Downward expansion with a knee; never more than the range. */
export class Expander implements Processor {
  private readonly level: HeldLevel;
  private readonly attack: Pace;
  private readonly release: Pace;
  private reduction = 0;

  constructor({ rate }: Setting) {
    this.level = new HeldLevel(rate);
    [this.attack, this.release] = [new Pace(rate), new Pace(rate)];
  }

  process([left, right]: Sides, rows: Rows, key: Sides): void {
    const { threshold_db, ratio, knee_db, range_db, attack_ms, release_ms } = rows;
    for (let i = 0; i < left.length; i += 1) {
      const under = threshold_db![i]! - decibelsOf(this.level.take(peakPower(key, i)));
      const [knee, slope] = [knee_db![i]!, ratio![i]! - 1];
      const bent = 2 * under > -knee ? (slope * (under + 0.5 * knee) ** 2) / (2 * knee) : 0;
      const wanted = Math.min(2 * under >= knee ? under * slope : bent, -range_db![i]!);
      // Opening is the attack.
      this.reduction +=
        (wanted - this.reduction) *
        (wanted < this.reduction ? this.attack.of(attack_ms![i]!) : this.release.of(release_ms![i]!));
      if (this.reduction < 1e-9) this.reduction = 0;
      const factor = factorOf(-this.reduction);
      left[i]! *= factor;
      right[i]! *= factor;
    }
  }
}

const FULL_DB = 10;

/** Attack and sustain, each louder or softer, by comparing quick and slow envelopes. */
export class TransientShaper implements Processor {
  private readonly paces: readonly Pace[];
  private readonly glide: number;
  private quick = -120;
  private slow = -120;
  private short = -120;
  private long = -120;
  private gain = 0;

  constructor({ rate }: Setting) {
    this.paces = Array.from({ length: 4 }, () => new Pace(rate));
    this.glide = smoothing(1, rate);
  }

  process(sides: Sides, rows: Rows): void {
    const [left, right] = sides;
    for (let i = 0; i < left.length; i += 1) {
      const speed = rows.speed![i]!;
      const upQuick = this.paces[0]!.of(1 / speed);
      const upSlow = this.paces[1]!.of(20 / speed);
      const downShort = this.paces[2]!.of(40 / speed);
      const downLong = this.paces[3]!.of(400 / speed);
      const level = decibelsOf(peakPower(sides, i));
      const follow = (value: number, up: number, down: number) => value + (level - value) * (level > value ? up : down);
      this.quick = follow(this.quick, upQuick, downShort);
      this.slow = follow(this.slow, upSlow, downShort);
      this.short = follow(this.short, upQuick, downShort);
      this.long = follow(this.long, upQuick, downLong);
      const part = (distance: number) => Math.min(Math.max(distance, 0) / FULL_DB, 1);
      const wanted =
        rows.attack_db![i]! * part(this.quick - this.slow) + rows.sustain_db![i]! * part(this.long - this.short);
      this.gain += (wanted - this.gain) * this.glide;
      const factor = factorOf(this.gain);
      left[i]! *= factor;
      right[i]! *= factor;
    }
  }
}
