import { kaiser, sinc } from "./windowed-sinc.js";

/** Samples on each side of a point that it is read from. */
export const HALF_TAPS = 32;
/** Kaiser's window for 60 dB. */
const BETA = 5.65;
const COMMON_POINTS = 4;
const COMMON_HALF_TAPS = 6;
const COMMON_WIDTH = 16;

/** How many points of the grid a sample spans: 8 up to 48 kHz, 4 up to 96 kHz, 2 above. */
export function pointsPerSample(rate: number): number {
  return rate <= 64_000 ? 8 : rate <= 128_000 ? 4 : 2;
}

/** Reads the points between two samples: a filter of 64 taps for each but the first, which is the sample itself. */
export function interpolation(points: number): Float64Array[] {
  return Array.from({ length: points - 1 }, (_, at) => {
    const taps = Float64Array.from({ length: 2 * HALF_TAPS }, (_, k) => {
      const distance = (at + 1) / points - (k - HALF_TAPS + 1);
      return sinc(distance) * kaiser(distance / HALF_TAPS, BETA);
    });
    const sum = taps.reduce((all, tap) => all + tap, 0);
    return taps.map((tap) => tap / sum);
  });
}

/** The 12 taps of common meters (ITU-R BS.1770-5, annex 2), which read steep signals higher than they are. */
export function commonInterpolation(): Float64Array[] {
  return Array.from({ length: COMMON_POINTS - 1 }, (_, at) =>
    Float64Array.from({ length: COMMON_WIDTH }, (_, k) => {
      const distance = (at + 1) / COMMON_POINTS - (k - COMMON_WIDTH / 2 + 1);
      if (Math.abs(distance) >= COMMON_HALF_TAPS) return 0;
      return sinc(distance) * Math.cos((Math.PI * distance) / (2 * COMMON_HALF_TAPS)) ** 2;
    }),
  );
}

/** The height of a sound between its samples too, as the server reads it. */
export class TruePeakMeter {
  private readonly filters: readonly Float64Array[];
  private readonly lines: Float64Array[] = [];
  private highest = 0;

  constructor(rate: number) {
    this.filters = interpolation(pointsPerSample(rate));
  }

  add(channels: readonly ArrayLike<number>[]): void {
    channels.forEach((channel, number) => {
      const kept = (this.lines[number] ??= new Float64Array(2 * HALF_TAPS - 1));
      const line = new Float64Array(kept.length + channel.length);
      line.set(kept);
      line.set(channel, kept.length);
      let highest = this.highest;
      for (let i = 0; i < channel.length; i += 1) {
        highest = Math.max(highest, Math.abs(line[i + HALF_TAPS - 1]!));
        for (const taps of this.filters) {
          let sum = 0;
          for (let k = 0; k < 2 * HALF_TAPS; k += 1) sum += taps[k]! * line[i + k]!;
          highest = Math.max(highest, Math.abs(sum));
        }
      }
      this.highest = highest;
      kept.set(line.subarray(channel.length));
    });
  }

  /** The highest magnitude since it was asked last. */
  take(): number {
    const { highest } = this;
    this.highest = 0;
    return highest;
  }
}
