import { describe, expect, test, vi } from "vitest";
import {
  decodedBytes,
  isTooLong,
  PIECE_SECONDS,
  PiecedPeaks,
  Pieces,
  readLayout,
  segmentsOf,
  wavOf,
  type PieceId,
} from "@/lib/audio/pieces";
import { Streams } from "@/lib/audio/streams";
import { sourceKey, type Channel, type Clip } from "@/lib/audio/session";

const RATE = 100;
const HALF_AN_HOUR = 1800;

/** A mono WAV of 16 bits whose sample `n` is `n % 1000`. */
function wav(seconds: number, rate = RATE): Uint8Array {
  const format = new Uint8Array(24);
  const about = new DataView(format.buffer);
  [..."fmt "].forEach((sign, at) => (format[at] = sign.charCodeAt(0)));
  about.setUint32(4, 16, true);
  about.setUint16(8, 1, true);
  about.setUint16(10, 1, true);
  about.setUint32(12, rate, true);
  about.setUint16(20, 2, true);
  about.setUint16(22, 16, true);
  const sound = Int16Array.from({ length: seconds * rate }, (_, at) => at % 1000);
  const layout = { sampleRate: rate, channels: 1, frameBytes: 2, format, dataAt: 44, frames: sound.length };
  return new Uint8Array(wavOf(layout, new Uint8Array(sound.buffer)));
}

class Sound {
  private readonly samples: Float32Array;
  readonly numberOfChannels = 1;
  constructor(
    readonly length: number,
    readonly sampleRate: number,
  ) {
    this.samples = new Float32Array(length);
  }
  get duration() {
    return this.length / this.sampleRate;
  }
  getChannelData = () => this.samples;
  copyToChannel = (from: Float32Array) => this.samples.set(from);
}

/** A context that decodes such files as they are. */
const context = {
  sampleRate: RATE,
  createBuffer: (_: number, length: number) => new Sound(length, RATE),
  decodeAudioData: async (file: ArrayBuffer) => {
    const bytes = new Uint8Array(file);
    const { dataAt, frames } = readLayout(bytes, bytes.length);
    const sound = new Sound(frames, RATE);
    sound.copyToChannel(Float32Array.from(new Int16Array(file.slice(dataAt))));
    return sound;
  },
};

/** A server that sends parts of one file. */
function server(file: Uint8Array) {
  const asked: string[] = [];
  const request = vi.fn(async (url: string, init: RequestInit) => {
    const [, from, to] = /bytes=(\d+)-(\d+)/.exec(new Headers(init.headers).get("range")!)!;
    asked.push(`${url} ${from}-${to}`);
    const end = Math.min(file.length, Number(to) + 1);
    return {
      status: 206,
      headers: new Headers({ "content-range": `bytes ${from}-${end - 1}/${file.length}` }),
      arrayBuffer: async () => file.slice(Number(from), end).buffer,
    };
  });
  return { asked, request: request as never as typeof fetch };
}

const settled = async () => {
  for (let turn = 0; turn < 4; turn += 1) await new Promise((go) => setImmediate(go));
};

describe("a WAV file", () => {
  test("tells where its sound lies, also behind other chunks and beyond 32 bits", () => {
    const plain = wav(3);
    expect(readLayout(plain, plain.length)).toMatchObject({ sampleRate: RATE, frameBytes: 2, dataAt: 44, frames: 300 });
    const words = new Uint8Array([..."LIST"].map((sign) => sign.charCodeAt(0)).concat([3, 0, 0, 0, 1, 2, 3, 0]));
    const longer = new Uint8Array([...plain.slice(0, 12), ...words, ...plain.slice(12)]);
    expect(readLayout(longer, longer.length)).toMatchObject({ dataAt: 56, frames: 300 });
    const huge = plain.slice(0, 44);
    huge.set([..."RF64"].map((sign) => sign.charCodeAt(0)));
    huge.fill(255, 40, 44);
    expect(readLayout(huge, 5e9).frames).toBe((5e9 - 44) / 2);
  });
  test.each([new Uint8Array(0), new Uint8Array(100), wav(1).slice(0, 30)])("or that it is none", (file) => {
    expect(() => readLayout(file, file.length)).toThrow();
  });
});

describe("pieces of a long source", () => {
  const one = decodedBytes(PIECE_SECONDS, RATE) / 2;
  const opened = async (most: number) => {
    const { asked, request } = server(wav(HALF_AN_HOUR));
    const came: PieceId[] = [];
    const pieces = new Pieces(context as never, (piece) => came.push(piece), most, request);
    await pieces.open("long", "/long.wav");
    return { asked, came, pieces };
  };
  test("are each what the whole would hold there", async () => {
    const { pieces } = await opened(one * 4);
    expect(pieces.frames("long")).toBe(HALF_AN_HOUR * RATE);
    pieces.want([0, 7, 89].map((index) => ({ key: "long", index })));
    await settled();
    for (const index of [0, 7, 89]) {
      const samples = pieces.get({ key: "long", index })!.getChannelData(0);
      expect([samples.length, samples[0], samples.at(-1)]).toEqual([
        PIECE_SECONDS * RATE,
        (index * PIECE_SECONDS * RATE) % 1000,
        ((index + 1) * PIECE_SECONDS * RATE - 1) % 1000,
      ]);
    }
  });
  test("take no more memory when one plays all of it than when one begins", async () => {
    const { asked, pieces } = await opened(one * 4);
    let most = 0;
    for (let index = 0; index < HALF_AN_HOUR / PIECE_SECONDS; index += 1) {
      const next = Math.min(index + 1, HALF_AN_HOUR / PIECE_SECONDS - 1);
      pieces.want([index, next].map((at) => ({ key: "long", index: at })));
      await settled();
      expect(pieces.get({ key: "long", index })).toBeDefined();
      most = Math.max(most, pieces.bytes);
    }
    expect(most).toBe(one * 4);
    // Each was fetched once, and the head.
    expect(new Set(asked).size).toBe(asked.length);
    expect(asked.length).toBe(1 + HALF_AN_HOUR / PIECE_SECONDS);
    pieces.close();
    expect(pieces.bytes).toBe(0);
  });
  test("that somebody waits for are never given up for others", async () => {
    const { pieces } = await opened(one);
    const wanted = [0, 1, 2].map((index) => ({ key: "long", index }));
    pieces.want(wanted);
    await settled();
    expect(wanted.every((piece) => pieces.get(piece))).toBe(true);
    pieces.want([{ key: "long", index: 9 }]);
    await settled();
    expect(wanted.some((piece) => pieces.get(piece))).toBe(false);
  });
  test("wait for a file that is still being made, and give up on one that is not there", async () => {
    vi.useFakeTimers();
    const file = wav(60);
    const { request } = server(file);
    const answers = [503, 504];
    const busy = (async (...call: Parameters<typeof fetch>) => {
      const status = answers.shift();
      return status ? new Response("", { status, headers: { "retry-after": "2" } }) : request(...call);
    }) as typeof fetch;
    const pieces = new Pieces(context as never, () => undefined, one, busy);
    const opening = pieces.open("long", "/long.wav");
    await vi.advanceTimersByTimeAsync(4000);
    await opening;
    expect(pieces.has("long")).toBe(true);
    answers.push(404);
    await expect(pieces.open("gone", "/gone.wav")).rejects.toThrow("404");
    vi.useRealTimers();
  });
  test("come again after the connection was lost, as long as they are wanted", async () => {
    vi.useFakeTimers();
    const { asked, request } = server(wav(60));
    let away = false;
    const thin = (async (...call: Parameters<typeof fetch>) => {
      if (away) throw new TypeError("Failed to fetch");
      return request(...call);
    }) as typeof fetch;
    const pieces = new Pieces(context as never, () => undefined, one, thin);
    await pieces.open("long", "/long.wav");
    away = true;
    pieces.want([{ key: "long", index: 1 }]);
    await vi.advanceTimersByTimeAsync(5000);
    expect(asked).toHaveLength(1);
    away = false;
    await vi.advanceTimersByTimeAsync(2500);
    expect(pieces.get({ key: "long", index: 1 })).toBeDefined();
    pieces.close();
    vi.useRealTimers();
  });
});

describe("a clip in pieces", () => {
  const clip = { offset: 5, length: 30, loop: null };
  test("is cut where pieces end, without a gap and within its source", () => {
    expect(segmentsOf(clip, 100, 20, 0, 1000)).toEqual([
      { at: 0, piece: 0, from: 5, length: 15 },
      { at: 15, piece: 1, from: 0, length: 15 },
    ]);
    expect(segmentsOf(clip, 12, 20, 0, 1000)).toEqual([{ at: 0, piece: 0, from: 5, length: 7 }]);
    expect(segmentsOf(clip, 100, 20, 14, 16)).toEqual([
      { at: 14, piece: 0, from: 19, length: 1 },
      { at: 15, piece: 1, from: 0, length: 1 },
    ]);
    expect(segmentsOf(clip, 5, 20, 0, 1000)).toEqual([]);
    expect(segmentsOf(clip, 100, 20, -50, -10)).toEqual([]);
  });
  test("comes again where it loops, at the end of its source at the latest", () => {
    expect(segmentsOf({ offset: 5, length: 9, loop: 4 }, 100, 20, 0, 100).map(({ at, from }) => [at, from])).toEqual([
      [0, 5],
      [4, 5],
      [8, 5],
    ]);
    expect(segmentsOf({ offset: 5, length: 4, loop: 40 }, 7, 20, 0, 100).map(({ at, length }) => [at, length])).toEqual(
      [
        [0, 2],
        [2, 2],
      ],
    );
    expect(segmentsOf({ offset: 9, length: 4, loop: 4 }, 9, 20, 0, 100)).toEqual([]);
  });
});

test("a mix is played in pieces when its decoded sound would fill the tab", () => {
  expect(isTooLong([180, 180, 180, 180], 48_000)).toBe(false);
  expect(isTooLong(Array<number>(6).fill(600), 48_000)).toBe(true);
  expect(isTooLong([HALF_AN_HOUR], 48_000)).toBe(true);
});

test("peaks are coarse until a piece has come, and stay fine then", () => {
  const peaks = new PiecedPeaks(50, 2);
  peaks.piece(1, new Float32Array(40).fill(0.5));
  peaks.overview([0.1, 0.2]);
  expect([peaks.isFine(0), peaks.isFine(1)]).toEqual([false, true]);
  expect([peaks.all[0], peaks.all[40], peaks.all[79], peaks.all[99]].map((bar) => bar!.toFixed(1))).toEqual([
    "0.1",
    "0.5",
    "0.5",
    "0.2",
  ]);
  peaks.piece(2, new Float32Array(40).fill(0.9));
  expect(peaks.all).toHaveLength(100);
});

describe("long sources that sound", () => {
  type Started = { when: number; offset: number; length: number; ended?: () => void };
  const clip: Clip = {
    id: "c",
    start: 0,
    offset: 0,
    length: HALF_AN_HOUR,
    fadeIn: { seconds: 0, curve: "linear" },
    fadeOut: { seconds: 0, curve: "linear" },
  };
  const channel = { trackId: "t", stem: "", clips: [clip] } as unknown as Channel;
  const key = sourceKey(channel);

  async function stage() {
    const started: Started[] = [];
    const stream = {
      ...context,
      currentTime: 0,
      createBufferSource: () => {
        const source = {
          buffer: null,
          onended: undefined as (() => void) | undefined,
          connect: () => undefined,
          disconnect: () => undefined,
          start: (when: number, offset: number, length: number) =>
            void started.push({ when, offset, length, ended: () => source.onended?.() }),
        };
        return source;
      },
    };
    const song = { position: 0, channels: [channel] };
    vi.stubGlobal("fetch", server(wav(HALF_AN_HOUR)).request);
    const streams = new Streams(stream as never, () => song);
    await streams.open(key, "/long.wav");
    const sources: AudioBufferSourceNode[] = [];
    return { streams, stream, song, started, sources };
  }

  test("join without a gap, wherever one begins, and let go of what is over", async () => {
    const { streams, stream, song, started, sources } = await stage();
    expect(streams.seconds(key)).toBe(HALF_AN_HOUR);
    song.position = 15;
    streams.fill();
    await settled();
    streams.add(clip, key, {} as never, sources, 0.5, 15);
    streams.fill();
    for (const now of [4, 8, 12, 16, 20, 24, 28]) {
      stream.currentTime = now;
      song.position = 14.5 + now;
      streams.fill();
      await settled();
    }
    expect(started.slice(0, 2).map(({ when, offset }) => [when, offset])).toEqual([
      [0.5, 15],
      [5.5, 0],
    ]);
    for (const [at, { when, length }] of started.slice(0, -1).entries())
      expect(when + length).toBeCloseTo(started[at + 1]!.when, 9);
    expect(started.at(-1)!.when + started.at(-1)!.length).toBeGreaterThan(28);
    expect(sources).toHaveLength(started.length);
    for (const { ended } of started) ended!();
    expect(sources).toHaveLength(0);
    streams.close();
    vi.unstubAllGlobals();
  });
  test("come in the middle where their piece came late, at the place where the song is", async () => {
    const { streams, stream, song, started, sources } = await stage();
    streams.add(clip, key, {} as never, sources, 0, 0);
    streams.fill();
    expect(started).toEqual([]);
    stream.currentTime = 3;
    song.position = 3;
    await settled();
    expect(started).toHaveLength(1);
    expect(started[0]!.when).toBeGreaterThanOrEqual(3);
    expect(started[0]!.offset).toBeCloseTo(started[0]!.when, 9);
    streams.close();
    vi.unstubAllGlobals();
  });
});
