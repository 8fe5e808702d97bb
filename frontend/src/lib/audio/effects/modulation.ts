import {
  phaseAt,
  readLine,
  ring,
  syncedSeconds,
  type Processor,
  type Rows,
  type Setting,
  type Sides,
} from "./processor.js";

const LONGEST_SECONDS = 0.065;
const SHORTEST_FRAMES = 2;
/** Share of a period that the edges of square and saw take. */
const EDGE = 0.04;

/** The wet sound of a chorus or a flanger: a short delay line whose length an oscillator moves. */
export class ModulatedDelay implements Processor {
  private readonly lines: Sides;
  private phase: number | null = null;
  private clock = 0;

  constructor(private readonly setting: Setting) {
    const frames = LONGEST_SECONDS * setting.rate + 4;
    this.lines = [ring(frames), ring(frames)];
  }

  process(sides: Sides, { rate_hz, delay_ms, depth_ms, feedback, stereo_degrees }: Rows): void {
    const { rate } = this.setting;
    const mask = this.lines[0].length - 1;
    let phase = this.phase ?? phaseAt(rate_hz![0]!, this.setting);
    for (let i = 0; i < sides[0].length; i += 1) {
      for (const side of [0, 1] as const) {
        const turn = Math.sin(2 * Math.PI * (phase + (side * stereo_degrees![i]!) / 360));
        const behind = Math.max(((delay_ms![i]! + depth_ms![i]! * turn) * rate) / 1000, SHORTEST_FRAMES);
        const wet = readLine(this.lines[side], this.clock - behind);
        this.lines[side][this.clock & mask] = sides[side][i]! + feedback![i]! * wet;
        sides[side][i] = wet;
      }
      phase += rate_hz![i]! / rate;
      phase -= Math.floor(phase);
      this.clock += 1;
    }
    this.phase = phase;
  }
}

/** First-order all-pass filters in series, whose corner an oscillator moves by octaves. */
export class Phaser implements Processor {
  private readonly stages: Sides;
  private readonly last = [0, 0];
  private phase: number | null = null;

  constructor(private readonly setting: Setting) {
    const count = Number(setting.values.stages);
    this.stages = [new Float64Array(count), new Float64Array(count)];
  }

  process(sides: Sides, { rate_hz, frequency_hz, depth_octaves, feedback, stereo_degrees }: Rows): void {
    const { rate } = this.setting;
    let phase = this.phase ?? phaseAt(rate_hz![0]!, this.setting);
    for (let i = 0; i < sides[0].length; i += 1) {
      for (const side of [0, 1] as const) {
        const turn = Math.sin(2 * Math.PI * (phase + (side * stereo_degrees![i]!) / 360));
        const hz = frequency_hz![i]! * 2 ** (depth_octaves![i]! * turn);
        const tangent = Math.tan(Math.PI * Math.min(hz / rate, 0.49));
        const g = tangent / (1 + tangent);
        const stages = this.stages[side];
        let x = sides[side][i]! + feedback![i]! * this.last[side]!;
        for (let k = 0; k < stages.length; k += 1) {
          const v = (x - stages[k]!) * g;
          const low = v + stages[k]!;
          stages[k] = low + v;
          x = 2 * low - x;
        }
        this.last[side] = x;
        sides[side][i] = x;
      }
      phase += rate_hz![i]! / rate;
      phase -= Math.floor(phase);
    }
    this.phase = phase;
  }
}

/** −1…1 for a phase in periods. */
function wave(shape: string, place: number): number {
  const phase = place - Math.floor(place);
  if (shape === "triangle") return phase < 0.25 ? 4 * phase : phase < 0.75 ? 2 - 4 * phase : 4 * phase - 4;
  if (shape === "square") {
    const slope = Math.min(phase, Math.abs(phase - 0.5), 1 - phase) / (0.5 * EDGE);
    return phase < 0.5 ? Math.min(slope, 1) : -Math.min(slope, 1);
  }
  if (shape === "saw") return phase < EDGE ? (2 * phase) / EDGE - 1 : 1 - (2 * (phase - EDGE)) / (1 - EDGE);
  return Math.sin(2 * Math.PI * phase);
}

/** A level that swings; with opposite phases on both sides, an auto-pan. */
export class Tremolo implements Processor {
  private readonly shape: string;
  private readonly synced: number | null;
  private phase: number | null = null;

  constructor(private readonly setting: Setting) {
    this.shape = String(setting.values.shape);
    const seconds = syncedSeconds(setting);
    this.synced = seconds === null ? null : 1 / seconds;
  }

  process(sides: Sides, { rate_hz, depth, stereo_degrees }: Rows): void {
    const { rate } = this.setting;
    // A quarter of a period on: a sine begins at its loudest.
    const ahead = this.shape === "sine" || this.shape === "triangle" ? 0.25 : 0;
    let phase = this.phase ?? phaseAt(this.synced ?? rate_hz![0]!, this.setting);
    for (let i = 0; i < sides[0].length; i += 1) {
      for (const side of [0, 1] as const) {
        const height = wave(this.shape, phase + ahead + (side * stereo_degrees![i]!) / 360);
        sides[side][i]! *= 1 - depth![i]! * (0.5 - 0.5 * height);
      }
      phase += (this.synced ?? rate_hz![i]!) / rate;
      phase -= Math.floor(phase);
    }
    this.phase = phase;
  }
}
