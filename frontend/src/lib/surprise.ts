// English on every page: it is what the models understand best.
const SCENES = [
  "for a night drive through wet streets",
  "for the first morning of spring",
  "for a kitchen at midnight",
  "for an empty swimming pool",
  "like a postcard from 1983",
  "for a chase over rooftops",
  "for falling asleep on a train",
  "for the last dance of the evening",
  "for a cat that rules the house",
  "for walking home in the snow",
];
const SOUNDS = [
  "rainy-night lofi with a dusty electric piano",
  "bossa nova with nylon guitar and flute",
  "epic orchestra with brass and big drums",
  "warm synthwave with a glassy lead",
  "slow blues with a crying guitar",
  "deep house with a rolling bass",
  "solo piano, tender and close",
  "swing jazz with vibraphone and upright bass",
  "sunny reggae with organ",
  "chiptune with far too many notes",
  "ambient pads and a music box",
  "funk with clavinet and slap bass",
  "drum and bass with dark strings",
  "acoustic folk with banjo and fiddle",
  "dreamy trance",
];
const TURNS = [
  "",
  "",
  "",
  ", no drums",
  ", in a minor key",
  ", slowly building",
  ", about 90 bpm",
  ", half time",
  ", fading out at the end",
];

/** A prompt that nobody asked for; `random` gives numbers from 0 to below 1. */
export function surprise(random: () => number = Math.random): string {
  const pick = (list: readonly string[]) => list[Math.floor(random() * list.length)]!;
  return `${pick(SOUNDS)} ${pick(SCENES)}${pick(TURNS)}`;
}

/** Short ways in, shown below the prompt: a word to press, and what it writes. */
export const STARTERS = [
  { name: "lofi", prompt: "rainy-night lofi, dusty piano, 80 bpm" },
  { name: "epic", prompt: "epic orchestra, strings rising to a triumphant brass theme" },
  { name: "bossa", prompt: "bossa nova on a warm terrace, nylon guitar and flute" },
  { name: "synthwave", prompt: "synthwave for a night drive, glassy lead, 104 bpm" },
  { name: "jazz", prompt: "late-night swing jazz trio, brushes and upright bass" },
  { name: "house", prompt: "deep house, warm chords, rolling bass, 122 bpm" },
] as const;
