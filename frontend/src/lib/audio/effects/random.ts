/**
 * NumPy's generator of normal noise once more, draw for draw: Philox 4×64 with ten rounds (Salmon et al., "Parallel
 * random numbers: as easy as 1, 2, 3", SC 2011) and the ziggurat of 256 strips (Marsaglia and Tsang, JSS 5, 2000).
 */

const LAYERS = 256;
const EDGE = 3.6541528853610088;
const STRIP_AREA = 0.004928673233974655;
const MANTISSA = 2 ** 52;
const ROUNDS = 10;
const WORD = 2 ** 32;

// Multipliers and key steps, as upper and lower halves.
const [M0H, M0L, M1H, M1L] = [0xd2e7470e, 0xe14c6c93, 0xca5a8263, 0x95121157];
const [W0H, W0L, W1H, W1L] = [0x9e3779b9, 0x7f4a7c15, 0xbb67ae85, 0x84caa73b];

const widths = new Float64Array(LAYERS);
const heights = new Float64Array(LAYERS);
const limits = new Float64Array(LAYERS);

/** The strips, outermost last; strip 0 is the base with the tail. */
function layOut(): void {
  let x = EDGE;
  widths[LAYERS - 1] = x / MANTISSA;
  heights[LAYERS - 1] = Math.exp(-0.5 * x * x);
  limits[0] = Math.floor(((x * heights[LAYERS - 1]!) / STRIP_AREA) * MANTISSA);
  widths[0] = STRIP_AREA / heights[LAYERS - 1]! / MANTISSA;
  heights[0] = 1;
  for (let at = LAYERS - 2; at > 0; at -= 1) {
    const next = Math.sqrt(-2 * Math.log(STRIP_AREA / x + heights[at + 1]!));
    limits[at + 1] = Math.floor((next / x) * MANTISSA);
    widths[at] = next / MANTISSA;
    heights[at] = Math.exp(-0.5 * next * next);
    x = next;
  }
  limits[1] = 0;
}
layOut();

/** The upper half of the product of two unsigned numbers of 32 bits. */
function upper(a: number, b: number): number {
  const [aLow, aHigh, bLow, bHigh] = [a & 0xffff, a >>> 16, b & 0xffff, b >>> 16];
  const first = aHigh * bLow + ((aLow * bLow) >>> 16);
  const second = aLow * bHigh + (first & 0xffff);
  return aHigh * bHigh + (first >>> 16) + (second >>> 16);
}

/** A stream of random numbers that is the same on every machine. */
export class Random {
  // Four numbers of 64 bits: lower and upper halves in turn.
  private readonly state = new Uint32Array(8);
  private readonly product = new Uint32Array(8);
  private counter = 0;
  private taken = 4;
  private low = 0;
  private high = 0;

  /** `key` has 32 bits at most. */
  constructor(private readonly key: number) {}

  /** A number from 0 to just below 1. */
  uniform(): number {
    this.draw();
    return (this.high * 2 ** 21 + (this.low >>> 11)) * 2 ** -53;
  }

  /** A number of the normal distribution. */
  normal(): number {
    for (;;) {
      this.draw();
      const strip = this.low & 0xff;
      const size = (this.high & 0x1fffffff) * 2 ** 23 + (this.low >>> 9);
      const sign = this.low & 0x100 ? -1 : 1;
      const x = sign * size * widths[strip]!;
      if (size < limits[strip]!) return x;
      if (strip === 0) return this.tail(Math.floor(size / 256) % 2 ? -1 : 1);
      const between = heights[strip - 1]! - heights[strip]!;
      if (between * this.uniform() + heights[strip]! < Math.exp(-0.5 * x * x)) return x;
    }
  }

  private tail(sign: number): number {
    for (;;) {
      const beyond = -Math.log1p(-this.uniform()) / EDGE;
      const height = -Math.log1p(-this.uniform());
      if (height + height > beyond * beyond) return sign * (EDGE + beyond);
    }
  }

  private draw(): void {
    if (this.taken === 4) this.refill();
    this.low = this.state[2 * this.taken]!;
    this.high = this.state[2 * this.taken + 1]!;
    this.taken += 1;
  }

  private refill(): void {
    const { state, product } = this;
    this.counter += 1;
    state.fill(0);
    state[0] = this.counter % WORD;
    state[1] = Math.floor(this.counter / WORD);
    let [k0l, k0h, k1l, k1h] = [this.key, 0, 0, 0];
    for (let round = 0; round < ROUNDS; round += 1) {
      if (round) {
        k0h = (k0h + W0H + (k0l + W0L >= WORD ? 1 : 0)) >>> 0;
        k0l = (k0l + W0L) >>> 0;
        k1h = (k1h + W1H + (k1l + W1L >= WORD ? 1 : 0)) >>> 0;
        k1l = (k1l + W1L) >>> 0;
      }
      this.multiply(0, state[0]!, state[1]!, M0L, M0H);
      this.multiply(4, state[4]!, state[5]!, M1L, M1H);
      state[0] = product[6]! ^ state[2]! ^ k0l;
      state[1] = product[7]! ^ state[3]! ^ k0h;
      state[2] = product[4]!;
      state[3] = product[5]!;
      state[4] = product[2]! ^ state[6]! ^ k1l;
      state[5] = product[3]! ^ state[7]! ^ k1h;
      state[6] = product[0]!;
      state[7] = product[1]!;
    }
    this.taken = 0;
  }

  /** The product of two numbers of 64 bits, in four words from `at` on, the lowest first. */
  private multiply(at: number, aLow: number, aHigh: number, bLow: number, bHigh: number): void {
    const second = upper(aLow, bLow) + (Math.imul(aLow, bHigh) >>> 0) + (Math.imul(aHigh, bLow) >>> 0);
    const third = upper(aLow, bHigh) + upper(aHigh, bLow) + (Math.imul(aHigh, bHigh) >>> 0) + Math.floor(second / WORD);
    this.product[at] = Math.imul(aLow, bLow);
    this.product[at + 1] = second % WORD;
    this.product[at + 2] = third % WORD;
    this.product[at + 3] = upper(aHigh, bHigh) + Math.floor(third / WORD);
  }
}
