/** Loudest sample (0…1) of each equal part of a sound that is still arriving; parts are `1 / binsPerSecond` long. */
export class PeakAccumulator {
  private values = new Float32Array(1024);
  private filled = 0;
  private framesInBin = 0;
  private loudest = 0;
  private readonly framesPerBin: number;

  constructor(
    sampleRate: number,
    readonly binsPerSecond: number,
  ) {
    this.framesPerBin = Math.max(1, Math.round(sampleRate / binsPerSecond));
  }

  /** Take interleaved frames, each sample −1…1. */
  push(samples: Float32Array | Int16Array, channels: number): void {
    const scale = samples instanceof Int16Array ? 1 / 32768 : 1;
    for (let at = 0; at + channels <= samples.length; at += channels) {
      for (let channel = 0; channel < channels; channel += 1) {
        const level = Math.abs(samples[at + channel]!) * scale;
        if (level > this.loudest) this.loudest = level;
      }
      this.framesInBin += 1;
      if (this.framesInBin === this.framesPerBin) this.close();
    }
  }

  /** The finished parts so far: a view, valid until the next `push`. */
  get peaks(): Float32Array {
    return this.values.subarray(0, this.filled);
  }

  get seconds(): number {
    return this.filled / this.binsPerSecond;
  }

  private close(): void {
    if (this.filled === this.values.length) {
      const larger = new Float32Array(this.values.length * 2);
      larger.set(this.values);
      this.values = larger;
    }
    this.values[this.filled] = Math.min(1, this.loudest);
    this.filled += 1;
    this.framesInBin = 0;
    this.loudest = 0;
  }
}

/** Squeeze or stretch peaks to `count` bars, keeping the loudest of what falls into each. */
export function resamplePeaks(peaks: ArrayLike<number>, count: number): Float32Array {
  const bars = new Float32Array(Math.max(0, count));
  if (!peaks.length) return bars;
  for (let bar = 0; bar < count; bar += 1) {
    const from = Math.floor((bar * peaks.length) / count);
    const to = Math.max(from + 1, Math.floor(((bar + 1) * peaks.length) / count));
    let loudest = 0;
    for (let at = from; at < to && at < peaks.length; at += 1) loudest = Math.max(loudest, peaks[at]!);
    bars[bar] = loudest;
  }
  return bars;
}

type Decoded = Pick<AudioBuffer, "length" | "numberOfChannels" | "getChannelData">;

/** Fill `bars` from one place on to another with the loudest samples of all channels. */
function measure(buffer: Decoded, bars: Float32Array, from: number, to: number): void {
  for (let channel = 0; channel < buffer.numberOfChannels; channel += 1) {
    const samples = buffer.getChannelData(channel);
    const size = samples.length / bars.length;
    for (let bar = from; bar < to; bar += 1) {
      let loudest = bars[bar]!;
      const end = Math.min(samples.length, Math.floor((bar + 1) * size));
      for (let at = Math.floor(bar * size); at < end; at += 1) {
        const level = Math.abs(samples[at]!);
        if (level > loudest) loudest = level;
      }
      bars[bar] = loudest;
    }
  }
}

/** Peaks of decoded audio, over all channels. */
export function peaksOf(buffer: Decoded, count: number): Float32Array {
  const bars = new Float32Array(count);
  measure(buffer, bars, 0, count);
  return bars;
}

/** Samples that are read in one go: a few milliseconds, within a frame. */
const SAMPLES_AT_ONCE = 2 ** 21;

/** Peaks of audio of any length, in parts between which the page answers; `pause` ends when it has had its turn. */
export async function peaksInParts(
  buffer: Decoded,
  count: number,
  pause: () => Promise<unknown> = () => new Promise((go) => setTimeout(go)),
): Promise<Float32Array> {
  const bars = new Float32Array(count);
  const all = buffer.length * Math.max(1, buffer.numberOfChannels);
  const part = Math.max(1, Math.floor((count * SAMPLES_AT_ONCE) / Math.max(1, all)));
  for (let from = 0; from < count; from += part) {
    if (from) await pause();
    measure(buffer, bars, from, Math.min(count, from + part));
  }
  return bars;
}

/** The server's waveform answer as one peak (0…1) for each part. */
export function peaksOfWaveform(waveform: { minima: number[]; maxima: number[] }): Float32Array {
  return Float32Array.from(waveform.maxima, (high, at) =>
    Math.min(1, Math.max(Math.abs(high), Math.abs(waveform.minima[at] ?? 0))),
  );
}
