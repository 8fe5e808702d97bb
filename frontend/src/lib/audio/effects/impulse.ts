import { inverse } from "./fourier.js";
import { evenly } from "./kinds.js";
import type { Sides } from "./processor.js";
import { Random } from "./random.js";

/** The impulse responses of `services/processing/mixing/effects/impulse.py`, sample for sample. */

const SEED = 0x5ace;
const EDGES_HZ = [250, 1_000, 4_000, 9_000];
const LAST_EDGE = 0.45;
const FADE_SECONDS = 1 / 20;

/** `decays`: share of the decay time in each of five bands; `tiltDb`: their levels; times in seconds. */
type Space = { decays: number[]; tiltDb: number[]; onset: number; reflections: number; spread: number };

const SPACES: Readonly<Record<string, Space>> = {
  room: { decays: [1.05, 1, 0.9, 0.65, 0.4], tiltDb: [-3, 0, 0, -2, -6], onset: 0.002, reflections: 14, spread: 0.035 },
  hall: {
    decays: [1.2, 1.05, 0.95, 0.6, 0.35],
    tiltDb: [0, 0, -1, -4, -10],
    onset: 0.045,
    reflections: 22,
    spread: 0.09,
  },
  plate: { decays: [0.8, 1, 1, 0.9, 0.7], tiltDb: [-6, -1, 0, 1, 0], onset: 0, reflections: 0, spread: 0 },
};

/** How a space answers an impulse, at a sample rate; of energy one on each side. */
export function impulse(space: string, decaySeconds: number, rate: number): Sides {
  const known = SPACES[space];
  const made = known ? noise(known, space, decaySeconds, rate) : spring(decaySeconds, rate);
  for (const side of made) {
    const fade = Math.min(side.length, Math.floor(rate * FADE_SECONDS));
    // The last milliseconds fade out, so that the end is no step.
    for (let at = 0; at < fade; at += 1) side[side.length - fade + at]! *= fade > 1 ? 1 - at / (fade - 1) : 1;
    const energy = Math.sqrt(side.reduce((sum, value) => sum + value * value, 0));
    for (let at = 0; at < side.length; at += 1) side[at]! /= energy;
  }
  return made;
}

/** What is left of a sound after a sample when it falls by 60 dB in so many seconds. */
function fall(seconds: number, rate: number): number {
  return (-3 * Math.LN10) / (seconds * rate);
}

/** A Butterworth low-pass of second order, by the bilinear transform. */
function lowPass(x: Float64Array, hz: number, rate: number): Float64Array {
  const k = Math.tan((Math.PI * Math.min(hz, LAST_EDGE * rate)) / rate);
  const norm = 1 + Math.SQRT2 * k + k * k;
  const b = (k * k) / norm;
  const a1 = (2 * (k * k - 1)) / norm;
  const a2 = (1 - Math.SQRT2 * k + k * k) / norm;
  const out = new Float64Array(x.length);
  let [first, second] = [0, 0];
  for (let at = 0; at < x.length; at += 1) {
    const y = b * x[at]! + first;
    first = 2 * b * x[at]! - a1 * y + second;
    second = b * x[at]! - a2 * y;
    out[at] = y;
  }
  return out;
}

function noise(space: Space, name: string, seconds: number, rate: number): Sides {
  const random = new Random(SEED + [...name].reduce((sum, letter) => sum + letter.charCodeAt(0), 0));
  const frames = evenly(seconds * Math.max(...space.decays) * rate);
  const rests = [0, 1].map(() => {
    const side = new Float64Array(frames);
    for (let at = 0; at < frames; at += 1) side[at] = random.normal();
    return side;
  });
  const made: Sides = [new Float64Array(frames), new Float64Array(frames)];
  for (const side of [0, 1] as const) {
    const rest = rests[side]!;
    for (const [band, share] of space.decays.entries()) {
      const edge = EDGES_HZ[band];
      // Each next part of the spectrum is what the low-passes left over.
      const part = edge === undefined ? rest : lowPass(rest, edge, rate);
      const slope = fall(seconds * share, rate);
      const level = 10 ** (space.tiltDb[band]! / 20);
      for (let at = 0; at < frames; at += 1) {
        made[side][at]! += part[at]! * Math.exp(slope * at) * level;
        if (edge !== undefined) rest[at]! -= part[at]!;
      }
    }
  }
  const rise = evenly(space.onset * rate);
  for (const side of made)
    for (let at = 0; at < Math.min(rise, frames); at += 1) side[at]! *= Math.sin((0.5 * Math.PI * at) / rise) ** 2;
  reflect(made, space, random, rate);
  return made;
}

/** Early reflections, which come closer together the later they are. */
function reflect(made: Sides, { reflections, spread }: Space, random: Random, rate: number): void {
  const frames = made[0].length;
  const power = made.reduce((sum, side) => sum + side.reduce((all, value) => all + value * value, 0), 0);
  const loudest = Math.sqrt(power / (2 * frames)) * 12;
  for (let number = 0; number < reflections; number += 1) {
    const seconds = spread * (((number + 1) / reflections) ** 0.7 + 0.04 * random.uniform());
    const place = evenly(seconds * rate);
    if (place >= frames) continue;
    for (const side of made) {
      const sign = random.uniform() < 0.7 ? 1 : -1;
      side[place]! += sign * loudest * (0.4 + 0.6 * random.uniform()) * (1 - (0.6 * number) / reflections);
    }
  }
}

const SPRING_TRIPS_SECONDS = [0.033, 0.041] as const;
const SPRING_CORNER_HZ = 4_300;

/** Two springs, whose round trips are later at higher frequencies. */
function spring(seconds: number, rate: number): Sides {
  const [left, right] = SPRING_TRIPS_SECONDS.map((trip) => coil(seconds, trip, rate));
  return [left!, right!];
}

function coil(seconds: number, trip: number, rate: number): Float64Array {
  const frames = evenly(seconds * rate);
  const size = 2 ** Math.ceil(Math.log2(frames));
  const step = rate / (2 * size);
  const real = new Float64Array(size + 1);
  const imaginary = new Float64Array(size + 1);
  const trips = Math.floor(seconds / trip);
  const loss = 10 ** ((-3 * trip) / seconds);
  const sign = trips % 2 ? -1 : 1;
  let turned = 0;
  for (let bin = 0; bin <= size; bin += 1) {
    const hz = bin * step;
    const x = Math.min(hz / SPRING_CORNER_HZ, 0.98);
    turned += trip * (1 + (0.55 * x * x) / (1 - x * x + 0.08));
    const phase = -2 * Math.PI * turned * step;
    // All trips together: q + q² + … of q = −loss · e^(i·phase), each trip upside down to the one before.
    const [qr, qi] = [-loss * Math.cos(phase), -loss * Math.sin(phase)];
    const last = sign * loss ** trips;
    const [ar, ai] = [1 - last * Math.cos(trips * phase), -last * Math.sin(trips * phase)];
    const [nr, ni] = [qr * ar - qi * ai, qr * ai + qi * ar];
    const [dr, di] = [1 - qr, -qi];
    const band = (1 / (1 + (hz / SPRING_CORNER_HZ) ** 12)) * Math.min(1, (hz / 90) ** 2);
    const scale = band / (dr * dr + di * di);
    real[bin] = (nr * dr + ni * di) * scale;
    imaginary[bin] = (ni * dr - nr * di) * scale;
  }
  const out = inverse(real, imaginary).slice(0, frames);
  const slope = fall(2 * seconds, rate);
  for (let at = 0; at < frames; at += 1) out[at]! *= Math.exp(slope * at);
  return out;
}
