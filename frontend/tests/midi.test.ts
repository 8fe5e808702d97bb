import { describe, expect, test } from "vitest";
import { MidiError, readMidi } from "@/lib/midi";
import { notesBetween, pitchName, pitchRange, soundingAt } from "@/lib/piano-roll";

const word = (value: number, size: number) =>
  Array.from({ length: size }, (_, at) => Math.floor(value / 256 ** (size - 1 - at)) % 256);
const ascii = (text: string) => [...text].map((sign) => sign.charCodeAt(0));
const chunk = (type: string, body: number[]) => [...ascii(type), ...word(body.length, 4), ...body];
const file = (format: number, ticks: number, ...tracks: number[][]) =>
  Uint8Array.from([
    ...chunk("MThd", [...word(format, 2), ...word(tracks.length, 2), ...word(ticks, 2)]),
    ...tracks.flatMap((track) => chunk("MTrk", track)),
  ]);
const END = [0, 0xff, 0x2f, 0];
const tempo = (delta: number, microseconds: number) => [delta, 0xff, 0x51, 3, ...word(microseconds, 3)];
const name = (text: string) => [0, 0xff, 0x03, text.length, ...ascii(text)];

describe("a MIDI file", () => {
  test("gives notes in seconds, through changes of tempo, with running status and a note-off by velocity 0", () => {
    const song = readMidi(
      file(
        1,
        96,
        [...tempo(0, 500_000), ...tempo(96, 1_000_000), ...END],
        [...name("piano"), 0, 0x90, 60, 100, 48, 60, 0, 48, 64, 80, 96, 64, 0, ...END],
      ),
    );
    expect(song.parts).toEqual([
      {
        name: "piano",
        drums: false,
        notes: [
          { start: 0, seconds: 0.25, pitch: 60, velocity: 100 },
          { start: 0.5, seconds: 1, pitch: 64, velocity: 80 },
        ],
      },
    ]);
    expect(song.seconds).toBeCloseTo(1.5, 10);
  });
  test("has bars by its meter, and markers", () => {
    const head = [
      ...[0, 0xff, 0x58, 4, 3, 2, 24, 8],
      ...[0, 0xff, 0x06, 5, ...ascii("intro")],
      ...[0x81, 0x40, 0xff, 0x06, 5, ...ascii("verse")],
      ...[0x81, 0x40, 0xff, 0x2f, 0],
    ];
    const song = readMidi(file(1, 64, head));
    expect(song.bars).toEqual([0, 1.5]);
    expect(song.markers).toEqual([
      { time: 0, text: "intro" },
      { time: 1.5, text: "verse" },
    ]);
    expect(song.parts).toEqual([]);
  });
  test("of one track is told apart by channel, the tenth being drums", () => {
    const song = readMidi(file(0, 96, [0, 0x99, 36, 90, 0, 0x90, 60, 90, 96, 0x80, 60, 0, 0, 0x89, 36, 0, ...END]));
    expect(song.parts.map(({ drums, notes }) => [drums, notes[0]!.pitch])).toEqual([
      [true, 36],
      [false, 60],
    ]);
  });
  test("passes over what it does not show: controllers, programs, bends, system messages, unknown chunks", () => {
    const track = [
      ...[0, 0xc0, 5, 0, 0xb0, 7, 100, 0, 0xe0, 0, 64, 0, 0xd0, 3, 0, 0xf0, 2, 1, 0xf7],
      ...[0, 0x90, 60, 1, 96, 0x80, 60, 0],
      ...END,
    ];
    const bytes = Uint8Array.from([...file(1, 96, track), ...chunk("XYZW", [1, 2, 3])]);
    expect(readMidi(bytes).parts[0]!.notes).toHaveLength(1);
  });
  test("lets a note that nobody ended sound to the end, and two of one pitch end in turn", () => {
    const song = readMidi(file(1, 96, [0, 0x90, 60, 9, 48, 60, 8, 48, 0x80, 60, 0, 96, ...END.slice(1)]));
    expect(song.parts[0]!.notes.map(({ start, seconds }) => [start, seconds])).toEqual([
      [0, 0.5],
      [0.25, 0.75],
    ]);
  });
  test.each([
    ["nothing", new Uint8Array()],
    ["a page", new TextEncoder().encode("<!doctype html><html></html>")],
    ["a file cut short", file(1, 96, [0, 0x90, 60, 100, 48]).slice(0, -2)],
    ["time code instead of beats", file(1, 0xe728, END)],
    ["no time at all", file(1, 0, END)],
    ["patterns", file(2, 96, END)],
    ["data without a status", file(1, 96, [0, 0x10, 0x10])],
    ["a length without end", file(1, 96, [0xff, 0xff, 0xff, 0xff, 0xff])],
  ])("is refused when it is %s", (_, bytes) => {
    expect(() => readMidi(bytes)).toThrow(MidiError);
  });
});

describe("a piano roll", () => {
  const notes = [0, 1, 2, 3].map((start) => ({
    start,
    seconds: start === 0 ? 2.5 : 0.5,
    pitch: 60 + start,
    velocity: 1,
  }));
  test("draws only what is in view, long notes that began before it too", () => {
    expect(notesBetween(notes, 2, 2.9, 2.5).map(({ start }) => start)).toEqual([0, 2]);
    expect(notesBetween(notes, 9, 10, 2.5)).toEqual([]);
  });
  test("names pitches, and shows two octaves at least", () => {
    expect([60, 69, 21, 61].map(pitchName)).toEqual(["C4", "A4", "A0", "C♯4"]);
    expect(pitchRange([{ name: "x", drums: false, notes }])).toEqual([49, 72]);
    expect(pitchRange([])).toHaveLength(2);
    const [low, high] = pitchRange([{ name: "x", drums: false, notes: [{ ...notes[0]!, pitch: 127 }] }]);
    expect([low >= 0, high]).toEqual([true, 127]);
  });
  test("tells what sounds, without the drums", () => {
    const song = {
      parts: [
        { name: "keys", drums: false, notes },
        { name: "drums", drums: true, notes: [{ start: 0, seconds: 9, pitch: 36, velocity: 1 }] },
      ],
      bars: [],
      markers: [],
      seconds: 4,
    };
    expect(soundingAt(song, 1.2)).toEqual(["C♯4", "C4"]);
    expect(soundingAt(song, 3.9)).toEqual([]);
  });
});
