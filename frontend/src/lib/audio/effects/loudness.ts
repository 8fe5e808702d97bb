/** EBU Tech 3341: the windows of momentary and short-term loudness, in hops of 10 ms. */
const HOPS_PER_SECOND = 100;
const MOMENTARY_HOPS = 40;
const SHORT_TERM_HOPS = 300;
const OFFSET = -0.691;
/** What is quieter than this is silence: the absolute gate. */
const SILENCE_LUFS = -70;

// services/processing/analysis/k_weighting.py: the standard's filters as analogue ones, for any sample rate.
const SHELF = { hz: 1681.974450955533, gainDb: 3.999843853973347, q: 0.7071752369554196, slope: 0.4996667741545416 };
const HIGH_PASS = { hz: 38.13547087602444, q: 0.5003270373238773 };

type Coefficients = readonly [b0: number, b1: number, b2: number, a1: number, a2: number];

/** The K-weighting of ITU-R BS.1770-5: a shelf for the head, then a high-pass. */
export function kWeighting(rate: number): readonly [Coefficients, Coefficients] {
  const k = Math.tan((Math.PI * Math.min(SHELF.hz, 0.49 * rate)) / rate);
  const high = 10 ** (SHELF.gainDb / 20);
  const middle = high ** SHELF.slope;
  const a0 = 1 + k / SHELF.q + k * k;
  const h = Math.tan((Math.PI * HIGH_PASS.hz) / rate);
  const c0 = 1 + h / HIGH_PASS.q + h * h;
  return [
    [
      (high + (middle * k) / SHELF.q + k * k) / a0,
      (2 * (k * k - high)) / a0,
      (high - (middle * k) / SHELF.q + k * k) / a0,
      (2 * (k * k - 1)) / a0,
      (1 - k / SHELF.q + k * k) / a0,
    ],
    [1, -2, 1, (2 * (h * h - 1)) / c0, (1 - h / HIGH_PASS.q + h * h) / c0],
  ];
}

/** A filter's memory (transposed direct form II). */
class Biquad {
  private u = 0;
  private v = 0;

  constructor(private readonly coefficients: Coefficients) {}

  take(x: number): number {
    const [b0, b1, b2, a1, a2] = this.coefficients;
    const y = b0 * x + this.u;
    this.u = b1 * x - a1 * y + this.v;
    this.v = b2 * x - a2 * y;
    return y;
  }
}

/** What a window of energy reads in LUFS; silence is −∞. */
function lufs(energy: number): number {
  const level = OFFSET + 10 * Math.log10(energy);
  return level > SILENCE_LUFS ? level : -Infinity;
}

/** How loud a sound of one or two channels is while it plays. What came before its first sample was silence. */
export class LoudnessMeter {
  private readonly filters: readonly [Biquad, Biquad][];
  private readonly hops = new Float64Array(SHORT_TERM_HOPS);
  private hop = 0;
  private samples = 0;
  private energy = 0;
  private counted = 0;

  constructor(private readonly rate: number) {
    const [shelf, highPass] = kWeighting(rate);
    this.filters = [0, 1].map(() => [new Biquad(shelf), new Biquad(highPass)]);
  }

  add(channels: readonly ArrayLike<number>[]): void {
    const frames = channels[0]?.length ?? 0;
    for (let from = 0; from < frames;) {
      const end = Math.ceil(((this.hop + 1) * this.rate) / HOPS_PER_SECOND);
      const to = Math.min(frames, from + end - this.samples);
      channels.slice(0, this.filters.length).forEach((channel, number) => {
        const [shelf, highPass] = this.filters[number]!;
        let energy = 0;
        for (let i = from; i < to; i += 1) energy += highPass.take(shelf.take(channel[i]!)) ** 2;
        this.energy += energy;
      });
      this.samples += to - from;
      this.counted += to - from;
      from = to;
      if (this.samples < end) continue;
      this.hops[this.hop % SHORT_TERM_HOPS] = this.energy / this.counted;
      this.hop += 1;
      this.energy = 0;
      this.counted = 0;
    }
  }

  get momentaryLufs(): number {
    return lufs(this.mean(MOMENTARY_HOPS));
  }

  get shortTermLufs(): number {
    return lufs(this.mean(SHORT_TERM_HOPS));
  }

  private mean(hops: number): number {
    let sum = 0;
    for (let back = 1; back <= hops; back += 1)
      sum += this.hops[(this.hop - back + SHORT_TERM_HOPS) % SHORT_TERM_HOPS]!;
    return sum / hops;
  }
}
