/** Stem names whose colour is a token of its own; everything else shares "other". */
export const STEM_COLOURS = ["drums", "bass", "chords", "melody", "pad", "vocals", "other"] as const;
export type StemColour = (typeof STEM_COLOURS)[number];

/** Stem names that are translated: those of the composer and of the separators. */
export const STEM_NAMES = [
  "drums",
  "bass",
  "chords",
  "melody",
  "pad",
  "vocals",
  "other",
  "accompaniment",
  "piano",
  "guitar",
] as const;
export type StemName = (typeof STEM_NAMES)[number];

const ALIASES: Record<string, StemColour> = {
  voice: "vocals",
  keys: "chords",
  guitar: "chords",
  piano: "chords",
  lead: "melody",
  percussion: "drums",
};

/** Which colour a stem keeps everywhere: waveform, strip, legend. */
export function stemColour(name: string): StemColour {
  const known = name.toLowerCase();
  return (STEM_COLOURS as readonly string[]).includes(known) ? (known as StemColour) : (ALIASES[known] ?? "other");
}

/** The colour as CSS. */
export function stemVariable(name: string): string {
  return `var(--stem-${stemColour(name)})`;
}

const ORDER: readonly StemColour[] = ["drums", "bass", "chords", "melody", "vocals", "pad", "other"];

/** Stems from the rhythm up, as a mixer lays them out. */
export function inMixerOrder(names: readonly string[]): string[] {
  return [...names].sort((a, b) => ORDER.indexOf(stemColour(a)) - ORDER.indexOf(stemColour(b)));
}
