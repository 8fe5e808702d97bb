/**
 * The real signal of a spectrum, as NumPy's `irfft`: `real` and `imaginary` hold the bins from 0 to the half sample rate;
 * what is imaginary at both ends is nothing. Its length is a power of two, and the answer's is twice that of the bins less
 * two (Cooley and Tukey, Math. Comp. 19, 1965).
 */
export function inverse(real: Float64Array, imaginary: Float64Array): Float64Array {
  const half = real.length - 1;
  const size = 2 * half;
  const re = new Float64Array(size);
  const im = new Float64Array(size);
  for (let bin = 0; bin <= half; bin += 1) {
    const inner = bin > 0 && bin < half;
    re[bin] = real[bin]!;
    im[bin] = inner ? imaginary[bin]! : 0;
    if (!inner) continue;
    re[size - bin] = real[bin]!;
    im[size - bin] = -imaginary[bin]!;
  }
  new Fourier(size).forward(im, re);
  for (let at = 0; at < size; at += 1) re[at]! /= size;
  return re;
}

/** Put everything where the bits of its place, read backwards, say. */
function shuffle(re: Float64Array, im: Float64Array): void {
  const size = re.length;
  let mirrored = 0;
  for (let at = 1; at < size; at += 1) {
    let bit = size >> 1;
    for (; mirrored & bit; bit >>= 1) mirrored ^= bit;
    mirrored |= bit;
    if (at >= mirrored) continue;
    [re[at], re[mirrored]] = [re[mirrored]!, re[at]!];
    [im[at], im[mirrored]] = [im[mirrored]!, im[at]!];
  }
}

/** The transform of complex signals of one size, in place: what it turns by is worked out once. */
export class Fourier {
  private readonly cosines: Float64Array;
  private readonly sines: Float64Array;

  /** `size` is a power of two. */
  constructor(private readonly size: number) {
    this.cosines = Float64Array.from({ length: size / 2 }, (_, at) => Math.cos((2 * Math.PI * at) / size));
    this.sines = Float64Array.from({ length: size / 2 }, (_, at) => -Math.sin((2 * Math.PI * at) / size));
  }

  /** The spectrum of `re + i·im`. With both in each other's place it is the way back, times the size. */
  forward(re: Float64Array, im: Float64Array): void {
    const { size, cosines, sines } = this;
    shuffle(re, im);
    for (let width = 2; width <= size; width *= 2) {
      const step = width / 2;
      const stride = size / width;
      for (let turn = 0; turn < step; turn += 1) {
        const cosine = cosines[turn * stride]!;
        const sine = sines[turn * stride]!;
        for (let low = turn; low < size; low += width) {
          const high = low + step;
          const x = re[high]! * cosine - im[high]! * sine;
          const y = re[high]! * sine + im[high]! * cosine;
          re[high] = re[low]! - x;
          im[high] = im[low]! - y;
          re[low]! += x;
          im[low]! += y;
        }
      }
    }
  }
}
