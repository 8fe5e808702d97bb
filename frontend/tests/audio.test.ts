import { describe, expect, test } from "vitest";
import {
  channelsOf,
  freshArrangement,
  loopedClip,
  movedClip,
  plainClip,
  roundedClip,
  sourcePlace,
  splitClip,
  trimmedClip,
} from "@/lib/audio/edits";
import { mixRequest } from "@/lib/audio/mix-request";
import { inView, viewOf } from "@/components/studio/rows";
import { PeakAccumulator, peaksInParts, peaksOf, peaksOfWaveform, resamplePeaks } from "@/lib/audio/peaks";
import { balanceGains, fadeGain, gainFactor, snapped, songLength, type Clip } from "@/lib/audio/session";
import { WavStreamReader, type WavFormat } from "@/lib/audio/wav-stream";

const clip = (change: Partial<Clip> = {}): Clip => ({
  id: "c",
  start: 2,
  offset: 1,
  length: 4,
  fadeIn: { seconds: 0, curve: "linear" },
  fadeOut: { seconds: 0, curve: "linear" },
  ...change,
});

/** A PCM WAV with a chunk before the samples, as some writers put one there. */
function wav(samples: number[], channels: number, rate: number): Uint8Array {
  const data = new Uint8Array(44 + 12 + samples.length * 2);
  const view = new DataView(data.buffer);
  const tag = (at: number, text: string) => [...text].forEach((sign, n) => (data[at + n] = sign.charCodeAt(0)));
  tag(0, "RIFF");
  view.setUint32(4, 0xffffffff, true);
  tag(8, "WAVE");
  tag(12, "LIST");
  view.setUint32(16, 3, true);
  tag(24, "fmt ");
  view.setUint32(28, 16, true);
  view.setUint16(32, 1, true);
  view.setUint16(34, channels, true);
  view.setUint32(36, rate, true);
  view.setUint16(46, 16, true);
  tag(48, "data");
  view.setUint32(52, 0xffffffff, true);
  samples.forEach((sample, at) => view.setInt16(56 + at * 2, sample, true));
  return data;
}

describe("a WAV that arrives in pieces", () => {
  const samples = Array.from({ length: 400 }, (_, at) => (at * 37) % 5000);
  test.each([1, 3, 7, 64, 5000])("gives the same samples in pieces of %i bytes", (size) => {
    let format: WavFormat | null = null;
    const heard: number[] = [];
    const reader = new WavStreamReader(
      (found) => (format = found),
      (found) => heard.push(...found),
    );
    const bytes = wav(samples, 2, 44100);
    for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size));
    expect(format).toEqual({ sampleRate: 44100, channels: 2, bitsPerSample: 16 });
    expect(heard).toEqual(samples);
  });
  test("something else is refused", () => {
    const reader = new WavStreamReader(
      () => undefined,
      () => undefined,
    );
    expect(() => reader.push(new TextEncoder().encode("<!doctype html><html>"))).toThrow("not a WAV");
  });
});

describe("peaks", () => {
  test("each part holds the loudest of its samples, over both channels, across pushes", () => {
    const peaks = new PeakAccumulator(10, 2);
    peaks.push(new Int16Array([0, 100, -16384, 0]), 2);
    peaks.push(new Int16Array([0, 0, 0, 0, 0, 0, 8192, 0]), 2);
    expect([...peaks.peaks]).toEqual([0.5]);
    peaks.push(new Float32Array(8).fill(0.25), 2);
    expect([...peaks.peaks]).toEqual([0.5, 0.25]);
    expect(peaks.seconds).toBe(1);
  });
  test("more parts than were foreseen are kept", () => {
    const peaks = new PeakAccumulator(4, 4);
    peaks.push(
      Float32Array.from({ length: 5000 }, (_, at) => at / 5000),
      1,
    );
    expect(peaks.peaks.length).toBe(5000);
    expect(peaks.peaks[4999]).toBeCloseTo(0.9998, 4);
  });
  test("fewer bars keep the loudest, more bars repeat", () => {
    expect([...resamplePeaks([0.1, 0.9, 0.2, 0.3], 2)].map((v) => +v.toFixed(2))).toEqual([0.9, 0.3]);
    expect([...resamplePeaks([0.25, 0.5], 4)]).toEqual([0.25, 0.25, 0.5, 0.5]);
    expect(resamplePeaks([], 3)).toEqual(new Float32Array(3));
  });
  test("decoded audio and the server's waveform give peaks from 0 to 1", () => {
    const sound = [Float32Array.from([0, 0.5, 0, -0.75]), Float32Array.from([0.25, 0, 0, 0])];
    const buffer = { length: 4, numberOfChannels: 2, getChannelData: (at: number) => sound[at]! };
    expect([...peaksOf(buffer as never, 2)]).toEqual([0.5, 0.75]);
    expect([...peaksOfWaveform({ minima: [-0.5, -1.2], maxima: [0.25, 0.3] })]).toEqual([0.5, 1]);
  });
  test("of a long sound are read in parts, and are the same", async () => {
    const samples = Float32Array.from({ length: 2 ** 22 + 7 }, (_, at) => Math.sin(at * at));
    const buffer = { length: samples.length, numberOfChannels: 2, getChannelData: () => samples };
    let pauses = 0;
    const pause = () => Promise.resolve((pauses += 1));
    expect(await peaksInParts(buffer as never, 1000, pause)).toEqual(peaksOf(buffer as never, 1000));
    expect(pauses).toBe(4);
    const short = { ...buffer, length: 5, getChannelData: () => samples.subarray(0, 5) };
    expect(await peaksInParts(short as never, 3, pause)).toEqual(peaksOf(short as never, 3));
    expect(pauses).toBe(4);
  });
  test("are drawn where they are seen, and a good way beyond", () => {
    expect(viewOf(0, 800)).toEqual({ from: 0, to: 3000 });
    expect(viewOf(999, 800)).toEqual(viewOf(0, 800));
    const view = viewOf(5400, 1200);
    expect(view).toEqual({ from: 4000, to: 9000 });
    // Whatever is on the screen lies within.
    for (let scrolled = 0; scrolled < 5000; scrolled += 37) {
      const { from, to } = viewOf(scrolled, 1200);
      expect(from <= scrolled && scrolled + 1200 <= to).toBe(true);
    }
    expect(inView(0, 400_000, view)).toEqual(view);
    expect(inView(4500, 200, view)).toEqual({ from: 0, to: 200 });
    expect(inView(8900, 400_000, view)).toEqual({ from: 0, to: 100 });
    expect(inView(0, 4000, view)).toBeNull();
    expect(inView(9000, 10, view)).toBeNull();
  });
});

describe("the arithmetic that preview and render share", () => {
  test("gain is 20·log10, and the fader's bottom is silence", () => {
    expect(gainFactor(0)).toBe(1);
    expect(gainFactor(-6)).toBeCloseTo(0.5012, 4);
    expect(gainFactor(-60)).toBe(0);
  });
  test("balance turns down the far side only", () => {
    expect(balanceGains(0)).toEqual([1, 1]);
    expect(balanceGains(-0.5)).toEqual([1, 0.5]);
    expect(balanceGains(1)).toEqual([0, 1]);
  });
  test("an equal-power fade is a quarter of a sine: mirrored, the powers add up to one", () => {
    for (const x of [0, 0.1, 0.37, 0.5, 0.9, 1])
      expect(fadeGain(x, "equal_power") ** 2 + fadeGain(1 - x, "equal_power") ** 2).toBeCloseTo(1, 10);
    expect(fadeGain(0.25, "linear")).toBe(0.25);
    expect(fadeGain(2, "linear")).toBe(1);
  });
});

describe("clips", () => {
  test("a split gives two clips that cover the same sound without a gap", () => {
    const [left, right] = splitClip(clip(), 3.5);
    expect(left).toMatchObject({ start: 2, offset: 1, length: 1.5 });
    expect(right).toMatchObject({ start: 3.5, offset: 2.5, length: 2.5 });
    expect(right!.id).not.toBe(left!.id);
  });
  test("a split outside of the clip, or at its very edge, changes nothing", () => {
    expect(splitClip(clip(), 1)).toEqual([clip()]);
    expect(splitClip(clip(), 2.01)).toEqual([clip()]);
  });
  test("moving lands on the grid and never before the beginning", () => {
    expect(movedClip(clip(), 0.4, 0.5).start).toBe(2.5);
    expect(movedClip(clip(), -9, 0.5).start).toBe(0);
    expect(movedClip(clip(), 0.123, 0).start).toBeCloseTo(2.123);
  });
  test("the left edge keeps the sound where it is, and stops at the source's beginning", () => {
    expect(trimmedClip(clip(), "left", 1, 0, 10)).toMatchObject({ start: 3, offset: 2, length: 3 });
    expect(trimmedClip(clip(), "left", -5, 0, 10)).toMatchObject({ start: 1, offset: 0, length: 5 });
    expect(trimmedClip(clip(), "left", 50, 0, 10).length).toBeCloseTo(0.05);
  });
  test("the right edge stops at the source's end", () => {
    expect(trimmedClip(clip(), "right", 50, 0, 6).length).toBe(5);
    expect(trimmedClip(clip(), "right", -50, 0, 6).length).toBeCloseTo(0.05);
  });
  test("loop from their right edge on: what they were is a round, and pulled back they are plain again", () => {
    const looped = loopedClip(clip(), 5.9, 0);
    expect(looped).toMatchObject({ start: 2, offset: 1, length: 9.9, loop: 4 });
    expect(loopedClip(looped, 2, 0)).toMatchObject({ length: 11.9, loop: 4 });
    expect(loopedClip(looped, -5.9, 0)).toMatchObject({ length: 4, loop: null });
    expect(loopedClip(looped, -99, 0)).toMatchObject({ length: 0.05, loop: null });
    expect(loopedClip(clip(), 1e9, 0).length).toBe(7198);
    expect(trimmedClip(looped, "right", 3, 1, 6)).toMatchObject({ length: 13, loop: 4 });
    expect(plainClip(looped)).toMatchObject({ length: 4, loop: null });
    expect(plainClip(clip())).toMatchObject({ length: 4 });
  });
  test("have rounds as long as one likes, within the source and the clip", () => {
    expect(roundedClip(clip(), -1, 0, 10)).toMatchObject({ length: 4, loop: 3 });
    expect(roundedClip(clip({ loop: 1, length: 8 }), 0.5, 0.5, 10).loop).toBe(1.5);
    expect(roundedClip(clip({ loop: 1, length: 8 }), 99, 0, 4).loop).toBe(3);
    expect(roundedClip(clip({ loop: 1, length: 8 }), -99, 0, 4).loop).toBe(0.05);
    expect(roundedClip(clip({ loop: 3 }), 99, 0, 20).loop).toBeNull();
  });
  test("that loop are cut at their left edge within one round", () => {
    const looped = clip({ loop: 2, length: 9 });
    expect(trimmedClip(looped, "left", 0.5, 0, 10)).toMatchObject({ start: 2.5, offset: 1.5, length: 8.5, loop: 1.5 });
    expect(trimmedClip(looped, "left", 99, 0, 10).loop).toBeCloseTo(0.05);
    expect(trimmedClip(looped, "left", -99, 0, 10)).toMatchObject({ start: 1, offset: 0, loop: 3 });
  });
  test.each([0.3, 1, 1.5, 2, 3.7, 4, 8.4, 8.9])("that loop sound the same when they are split after %f s", (into) => {
    const looped = clip({ loop: 2, length: 9, fadeOut: { seconds: 0.5, curve: "linear" } });
    const pieces = splitClip(looped, 2 + into);
    expect(new Set(pieces.map(({ id }) => id)).size).toBe(pieces.length);
    expect(pieces.length).toBeGreaterThan(1);
    for (let time = 2.005; time < 11; time += 0.0571) {
      const at = pieces.filter(({ start, length }) => start <= time && time < start + length);
      expect(at).toHaveLength(1);
      expect(sourcePlace(at[0]!, time - at[0]!.start)).toBeCloseTo(sourcePlace(looped, time - 2), 9);
    }
    for (const { loop, length } of pieces) expect(loop ?? 0).toBeLessThan(length);
  });
  test("that loop are asked for as such", () => {
    const [channel] = channelsOf({ id: "t", title: "T", duration: 10, stems: [] });
    const asked = mixRequest(
      {
        ...freshArrangement({ id: "t", title: "T", duration: 10, stems: [] }),
        channels: [{ ...channel!, clips: [clip({ loop: 2, length: 9 }), clip({ id: "d", loop: null })] }],
      },
      null,
    );
    expect(asked.tracks[0]!.clips).toMatchObject([{ length: 9, loop: true, loop_length: 2 }, { length: 4 }]);
    expect(asked.tracks[0]!.clips[1]).not.toHaveProperty("loop");
  });
  test("snapping with no grid leaves the time alone", () => {
    expect(snapped(1.234, 0)).toBe(1.234);
    expect(snapped(1.3, 0.5)).toBe(1.5);
  });
});

describe("a session", () => {
  const track = { id: "t1", title: "Song", duration: 30, stems: ["melody", "drums"] };
  test("begins with the stems as channels, the rhythm first", () => {
    const channels = channelsOf(track);
    expect(channels.map(({ stem }) => stem)).toEqual(["drums", "melody"]);
    expect(songLength(channels)).toBe(30);
    expect(channelsOf({ ...track, stems: [] })).toMatchObject([{ stem: "", name: "Song" }]);
  });
  test("asks the server for what is heard here", () => {
    const fresh = freshArrangement(track);
    const [drums, melody] = fresh.channels;
    const asked = mixRequest(
      {
        ...fresh,
        title: "Mine",
        channels: [
          { ...drums!, gainDb: -60 },
          { ...melody!, pan: 0.25, clips: [clip({ fadeOut: { seconds: 1, curve: "equal_power" } })] },
        ],
      },
      500,
    );
    expect(asked).toMatchObject({
      title: "Mine",
      tracks: [
        { gain_db: -96, mute: false, clips: [{ track_id: "t1", stem: "drums", length: 30 }] },
        {
          pan: 0.25,
          clips: [
            { start: 2, offset: 1, length: 4, fade_in: undefined, fade_out: { seconds: 1, curve: "equal_power" } },
          ],
        },
      ],
    });
    expect(asked.tempo).toBeUndefined();
  });
});
