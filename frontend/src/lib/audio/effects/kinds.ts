/** An effect's values by the names of the server's schema. */
export type Values = Readonly<Record<string, number | string | boolean>>;

const BANDS = [1, 2, 3, 4, 5, 6];
const PARTS = ["low", "mid", "high"];
const MODULATED = ["rate_hz", "delay_ms", "depth_ms", "feedback", "stereo_degrees"];

export const PITCH_SHIFT = "pitch_shift";
export const LIMITER = "limiter";

/** What the audio thread measures with. */
export const METER = "meter";

/** The effects that sound here as in the server's render, with the parameters that may move. */
export const MATCHED: Readonly<Record<string, readonly string[]>> = {
  equalizer: BANDS.flatMap((band) => ["frequency_hz", "gain_db", "q"].map((what) => `band${band}_${what}`)),
  high_pass: ["frequency_hz", "q"],
  low_pass: ["frequency_hz", "q"],
  compressor: ["threshold_db", "ratio", "knee_db", "attack_ms", "release_ms", "makeup_db"],
  multiband_compressor: [
    "low_crossover_hz",
    "high_crossover_hz",
    ...PARTS.flatMap((part) =>
      ["threshold_db", "ratio", "attack_ms", "release_ms", "gain_db"].map((what) => `${part}_${what}`),
    ),
  ],
  gate: ["threshold_db", "hysteresis_db", "range_db", "hold_ms", "attack_ms", "release_ms"],
  expander: ["threshold_db", "ratio", "knee_db", "range_db", "attack_ms", "release_ms"],
  de_esser: ["frequency_hz", "threshold_db", "ratio", "range_db", "attack_ms", "release_ms"],
  [LIMITER]: ["gain_db", "ceiling_dbtp", "release_ms"],
  transient_shaper: ["attack_db", "sustain_db", "speed"],
  saturation: ["drive_db", "tone_hz", "output_db"],
  bitcrusher: ["bits", "rate_hz"],
  chorus: MODULATED,
  flanger: MODULATED,
  phaser: ["rate_hz", "frequency_hz", "depth_octaves", "feedback", "stereo_degrees"],
  tremolo: ["rate_hz", "depth", "stereo_degrees"],
  reverb: ["decay_seconds", "damping_hz", "low_cut_hz", "modulation", "width"],
  convolution_reverb: ["low_cut_hz", "high_cut_hz"],
  delay: ["time_ms", "feedback", "low_cut_hz", "high_cut_hz"],
  [PITCH_SHIFT]: ["semitones"],
};

/** The effect whose wet sound the browser convolves before it reaches the effect's second input. */
export const CONVOLVED = "convolution_reverb";

/** How much of an effect is heard beside what enters it; what has no such parameter is heard alone. */
export const MIX = "mix";

/** The saturation's two filters at four times the rate, 97 taps each. */
export const SATURATION_LATENCY = 24;

/** What a grain of the pitch shift needs after its centre, two octaves up, and half of a grain. */
export const PITCH_LATENCY = 5632;

/** What the limiter looks ahead for the gain, and the samples on each side of a point that its height is read from. */
const LIMITER_LOOKAHEAD_SECONDS = 0.005;
export const LIMITER_REACH = 64;

/** Whether an effect sounds here as on the server. */
export function isMatched(type: string): boolean {
  return Object.hasOwn(MATCHED, type);
}

/** Whole samples that what leaves an effect is behind. */
export function latencyOf(type: string, values: Values, rate: number): number {
  if (type === "saturation") return SATURATION_LATENCY;
  if (type === PITCH_SHIFT) return PITCH_LATENCY;
  if (type === LIMITER) return evenly(LIMITER_LOOKAHEAD_SECONDS * rate) + LIMITER_REACH;
  return type === "compressor" ? evenly((Number(values.lookahead_ms ?? 0) * rate) / 1000) : 0;
}

/** Whole samples that the sound is behind where a parameter of an effect acts on it. */
export function lagOf(type: string, name: string, values: Values, rate: number): number {
  const latency = latencyOf(type, values, rate);
  // A grain takes the pitch with it that held when its centre came in.
  if (type === PITCH_SHIFT && name === "semitones") return 0;
  // A sample's height is weighed against the ceiling as soon as it is known, the look-ahead before the gain is there.
  if (type === LIMITER && name !== MIX) return name === "gain_db" ? 0 : LIMITER_REACH;
  // The saturation's curve lies between its two filters, everything else behind both.
  return type === "saturation" && name === "drive_db" ? latency / 2 : latency;
}

/** Rounded as the server does it: halves go to the even neighbour. */
export function evenly(value: number): number {
  const below = Math.floor(value);
  const part = value - below;
  if (part !== 0.5) return Math.round(value);
  return below % 2 ? below + 1 : below;
}
