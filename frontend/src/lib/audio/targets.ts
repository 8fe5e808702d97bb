import type { Send, Strip } from "./session";
import { HIGHEST_GAIN_DB, LOWEST_GAIN_DB } from "./session";
import type { EffectKind, EffectParameter } from "@/lib/processing";

/** Something of a strip that can move. `group` is the effect's or the bus's name; empty for the strip itself. */
export type Target = { id: string; group: string; title: string; parameter: EffectParameter; rest: number };

export const GAIN_PARAMETER: EffectParameter = {
  name: "gain_db",
  title: "Gain",
  kind: "number",
  default: 0,
  min: LOWEST_GAIN_DB,
  max: HIGHEST_GAIN_DB,
  unit: "dB",
  scale: "db",
  automatable: true,
};
const PAN_PARAMETER: EffectParameter = {
  name: "pan",
  title: "Pan",
  kind: "number",
  default: 0,
  min: -1,
  max: 1,
  unit: "",
  scale: "linear",
  automatable: true,
};

/** Everything of a strip that automation can move, and where it rests without. */
export function targetsOf(
  strip: Strip & { sends?: Send[] },
  kinds: readonly EffectKind[],
  words: { gain: string; pan: string; busName: (id: string) => string },
): Target[] {
  const own: Target[] = [
    { id: "gain_db", group: "", title: words.gain, parameter: GAIN_PARAMETER, rest: strip.gainDb },
    { id: "pan", group: "", title: words.pan, parameter: PAN_PARAMETER, rest: strip.pan },
  ];
  const sends = (strip.sends ?? []).map(({ to, gainDb }) => ({
    id: `sends/${to}/gain_db`,
    group: words.busName(to),
    title: words.gain,
    parameter: GAIN_PARAMETER,
    rest: gainDb,
  }));
  const effects = strip.effects.flatMap((effect, place) => {
    const kind = kinds.find(({ id }) => id === effect.type);
    const twin = strip.effects.filter(({ type }) => type === effect.type).length > 1;
    return (kind?.parameters ?? [])
      .filter(({ kind: sort, automatable }) => sort === "number" && automatable)
      .map((parameter) => ({
        id: `effects/${effect.id}/${parameter.name}`,
        group: twin ? `${place + 1}. ${kind!.title}` : kind!.title,
        title: parameter.title,
        parameter,
        rest: Number(effect.parameters[parameter.name] ?? parameter.default),
      }));
  });
  return [...own, ...sends, ...effects];
}
