import { LoudnessMeter } from "./loudness.js";
import { TruePeakMeter } from "./true-peak.js";

/** What the meters say. Silence is −∞; `correlation` is null for it, and for one channel. */
export type Reading = {
  momentaryLufs: number;
  shortTermLufs: number;
  /** The highest since the last reading. */
  truePeakDbtp: number;
  correlation: number | null;
};

/** How long the correlation remembers. */
const CORRELATION_SECONDS = 0.4;
const SILENT_ENERGY = 1e-12;

/** Loudness, true peak and correlation of a sound while it plays. */
export class Meter {
  private readonly loudness: LoudnessMeter;
  private readonly peak: TruePeakMeter;
  private readonly fade: number;
  private left = 0;
  private right = 0;
  private both = 0;

  constructor(rate: number) {
    this.loudness = new LoudnessMeter(rate);
    this.peak = new TruePeakMeter(rate);
    this.fade = Math.exp(-1 / (CORRELATION_SECONDS * rate));
  }

  /** Take the next samples of one or two channels. */
  add(channels: readonly Float32Array[]): void {
    this.loudness.add(channels);
    this.peak.add(channels);
    const [left, right] = channels;
    if (!left || !right) return;
    for (let i = 0; i < left.length; i += 1) {
      this.left = this.fade * this.left + left[i]! ** 2;
      this.right = this.fade * this.right + right[i]! ** 2;
      this.both = this.fade * this.both + left[i]! * right[i]!;
    }
  }

  /** What they say now. */
  read(): Reading {
    const { momentaryLufs, shortTermLufs } = this.loudness;
    const power = Math.sqrt(this.left * this.right);
    return {
      momentaryLufs,
      shortTermLufs,
      truePeakDbtp: 20 * Math.log10(this.peak.take()),
      correlation: power > SILENT_ENERGY ? this.both / power : null,
    };
  }
}
