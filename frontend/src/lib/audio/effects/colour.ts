import { evenly } from "./kinds.js";
import { factorOf, onePole, type Processor, type Rows, type Setting, type Sides } from "./processor.js";
import { kaiser, sinc } from "./windowed-sinc.js";

const FACTOR = 4;
const TAPS = 24 * FACTOR + 1;
const KAISER = 8;
const TUBE_BIAS = 0.25;
const DC_HZ = 5;
const OPEN_HZ = 20_000;

/** A low-pass at the original half sample rate, Kaiser's window; unity at rest. */
function halfBand(): Float64Array {
  const middle = (TAPS - 1) / 2;
  const taps = Float64Array.from({ length: TAPS }, (_, n) => {
    return sinc(((n - middle) / FACTOR) * 0.94) * kaiser((n - middle) / middle, KAISER);
  });
  const sum = taps.reduce((all, tap) => all + tap, 0);
  return taps.map((tap) => tap / sum);
}

const FILTER = halfBand();

const CURVES: Readonly<Record<string, (x: number) => number>> = {
  soft: (value) => {
    const x = Math.min(Math.max(value, -3), 3);
    return (x * (27 + x * x)) / (27 + 9 * x * x);
  },
  tape: (x) => x / Math.sqrt(1 + x * x),
  tube: (x) => {
    const y = x + TUBE_BIAS;
    const offset = TUBE_BIAS / Math.sqrt(1 + TUBE_BIAS * TUBE_BIAS);
    return (y / Math.sqrt(1 + y * y) - offset) * (1 + TUBE_BIAS * TUBE_BIAS) ** 1.5;
  },
  hard: (x) => Math.min(Math.max(x, -1), 1),
};

/** One side's way through the curve at four times the rate, and the filters behind it. */
class Bender {
  private readonly past = new Float64Array(32);
  private readonly bent = Array.from({ length: FACTOR }, () => new Float64Array(32));
  private at = 0;
  private before = 0;
  private blocked = 0;
  private toned = 0;

  take(x: number, drive: number, curve: (x: number) => number): number {
    const at = (this.at = (this.at + 1) & 31);
    this.past[at] = x;
    for (let phase = 0; phase < FACTOR; phase += 1) {
      let sum = 0;
      for (let k = 0; phase + FACTOR * k < TAPS; k += 1)
        sum += FILTER[phase + FACTOR * k]! * FACTOR * this.past[(at - k) & 31]!;
      this.bent[phase]![at] = curve(drive * sum);
    }
    let out = 0;
    // Sample 4·i − j of the higher rate, as phase and place.
    for (let j = 0; j < TAPS; j += 1)
      out +=
        FILTER[j]! * this.bent[(FACTOR - (j % FACTOR)) % FACTOR]![(at - Math.floor((j + FACTOR - 1) / FACTOR)) & 31]!;
    return out;
  }

  finish(value: number, keep: number, tone: number): number {
    let x = value;
    if (keep) {
      this.blocked = x - this.before + keep * this.blocked;
      this.before = x;
      x = this.blocked;
    }
    return (this.toned += (x - this.toned) * tone);
  }
}

/** Bends the waveform at four times the sample rate. */
export class Saturation implements Processor {
  private readonly benders = [new Bender(), new Bender()] as const;
  private readonly curve: (x: number) => number;
  private readonly keep: number;

  constructor(private readonly setting: Setting) {
    this.curve = CURVES[String(setting.values.curve)] ?? CURVES.soft!;
    // An asymmetric curve makes a direct current, which is taken out again.
    this.keep = setting.values.curve === "tube" ? Math.exp((-2 * Math.PI * DC_HZ) / setting.rate) : 0;
  }

  process(sides: Sides, { drive_db, tone_hz, output_db }: Rows): void {
    let [last, tone] = [NaN, 1];
    let [lastDrive, drive, lastOutput, output] = [NaN, 1, NaN, 1];
    for (let i = 0; i < sides[0].length; i += 1) {
      if (tone_hz![i] !== last) {
        last = tone_hz![i]!;
        tone = last >= OPEN_HZ ? 1 : onePole(last, this.setting.rate);
      }
      if (drive_db![i] !== lastDrive) drive = factorOf((lastDrive = drive_db![i]!));
      if (output_db![i] !== lastOutput) output = factorOf((lastOutput = output_db![i]!));
      for (const side of [0, 1] as const) {
        const bender = this.benders[side];
        const bent = bender.take(sides[side][i]!, drive, this.curve);
        sides[side][i] = bender.finish(bent, this.keep, tone) * output;
      }
    }
  }
}

/** Holds samples at a lower rate and rounds them to few bits. */
export class Bitcrusher implements Processor {
  private readonly held = [0, 0];
  // The first sample is due at once.
  private due = 1;

  constructor(private readonly setting: Setting) {}

  process(sides: Sides, { bits, rate_hz }: Rows): void {
    for (let i = 0; i < sides[0].length; i += 1) {
      const steps = 2 ** (bits![i]! - 1);
      this.due += rate_hz![i]! / this.setting.rate;
      if (this.due >= 1) {
        this.due -= Math.floor(this.due);
        for (const side of [0, 1] as const) this.held[side] = evenly(sides[side][i]! * steps) / steps;
      }
      for (const side of [0, 1] as const) sides[side][i] = this.held[side]!;
    }
  }
}
