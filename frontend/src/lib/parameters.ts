import type { EffectParameter } from "./processing";
import { decimal, signed } from "./format";

type Range = Pick<EffectParameter, "min" | "max" | "scale">;

const isLog = ({ min, scale }: Range) => scale === "log" && (min ?? 0) > 0;

/** Where on its slider (0…1) a value stands; logarithmic parameters get as much room for each octave. */
export function toSlider(parameter: Range, value: number): number {
  const { min = 0, max = 1 } = parameter;
  const inside = Math.min(max, Math.max(min, value));
  return isLog(parameter) ? Math.log(inside / min) / Math.log(max / min) : (inside - min) / (max - min);
}

/** The value at a place (0…1) of its slider, with three significant digits. */
export function toValue(parameter: Range, part: number): number {
  const { min = 0, max = 1 } = parameter;
  const value = isLog(parameter) ? min * (max / min) ** part : min + (max - min) * part;
  return Math.min(max, Math.max(min, Number(value.toPrecision(3))));
}

/** A value with its unit: 1.2 kHz, −18.0 dB, 35 ms. */
export function parameterText(parameter: Pick<EffectParameter, "unit">, value: number): string {
  const { unit } = parameter;
  if (unit === "Hz" && value >= 1000) return `${decimal(String(Number((value / 1000).toPrecision(3))))} kHz`;
  if (unit === "dB") return `${signed(value)} dB`;
  const text = decimal(String(Number(value.toPrecision(3)))).replace("-", "−");
  return unit ? `${text} ${unit}` : text;
}
