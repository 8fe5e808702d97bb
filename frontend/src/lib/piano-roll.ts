import type { MidiNote, MidiPart, MidiSong } from "./midi";

const NOTE_NAMES = ["C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B"];
const BLACK = new Set([1, 3, 6, 8, 10]);
const LEAST_PITCHES = 24;

/** A pitch as musicians write it: 60 is C4. */
export function pitchName(pitch: number): string {
  return `${NOTE_NAMES[pitch % 12]}${Math.floor(pitch / 12) - 1}`;
}

export function isBlackKey(pitch: number): boolean {
  return BLACK.has(pitch % 12);
}

/** The lowest and highest pitch of some parts, with a little room, never fewer than two octaves. */
export function pitchRange(parts: readonly MidiPart[]): [number, number] {
  let [low, high] = [127, 0];
  for (const { notes } of parts)
    for (const { pitch } of notes) [low, high] = [Math.min(low, pitch), Math.max(high, pitch)];
  if (low > high) [low, high] = [60, 60];
  const missing = Math.max(0, LEAST_PITCHES - (high - low + 1));
  low = Math.max(0, low - 1 - Math.floor(missing / 2));
  return [low, Math.min(127, Math.max(high + 1, low + LEAST_PITCHES - 1))];
}

/** The notes that sound between two times, of notes sorted by their start; `longest` is the longest of them. */
export function notesBetween(notes: readonly MidiNote[], from: number, to: number, longest: number): MidiNote[] {
  let [low, high] = [0, notes.length];
  const earliest = from - longest;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (notes[middle]!.start < earliest) low = middle + 1;
    else high = middle;
  }
  const found: MidiNote[] = [];
  for (let at = low; at < notes.length && notes[at]!.start < to; at += 1)
    if (notes[at]!.start + notes[at]!.seconds >= from) found.push(notes[at]!);
  return found;
}

/** What sounds at a time, as names of notes, high to low: what a listener to the picture is told. */
export function soundingAt(song: MidiSong, time: number): string[] {
  const pitches = song.parts
    .filter(({ drums }) => !drums)
    .flatMap(({ notes }) =>
      notes.filter(({ start, seconds }) => start <= time && time < start + seconds).map((n) => n.pitch),
    );
  return [...new Set(pitches)].sort((a, b) => b - a).map(pitchName);
}
