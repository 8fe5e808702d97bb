/** How long a piece is, in seconds: whole ones, so that a piece begins with a sample at every rate. */
export const PIECE_SECONDS = 20;
/** What is read on both sides of a piece: the browser's resampling then knows its neighbours. Whole seconds, too. */
const MARGIN_SECONDS = 1;
/** Enough for a WAV file's head; the platform's files have no more in front of the sound. */
const HEAD_BYTES = 4096;
const LOADS_AT_ONCE = 4;
/** What is held of pieces that nobody waits for. */
const MOST_BYTES = 128 * 1024 * 1024;
/** Whoever asks first waits until the server has made the file. */
const MOST_TRIES = 60;
const REST_MS = 2000;

/** What a decoded second takes in memory, as stereo floats, in bytes. */
export function decodedBytes(seconds: number, sampleRate: number): number {
  return Math.ceil(seconds * sampleRate) * 2 * Float32Array.BYTES_PER_ELEMENT;
}

/** Decoded sound that a mix may hold as a whole. */
export const MOST_WHOLE_BYTES = 400 * 1024 * 1024;

/** Whether a mix of sources of such lengths is played in pieces. */
export function isTooLong(lengths: readonly number[], sampleRate: number): boolean {
  return lengths.reduce((sum, seconds) => sum + decodedBytes(seconds, sampleRate), 0) > MOST_WHOLE_BYTES;
}

/** Where the sound lies in a PCM WAV file (RIFF, or RF64 of EBU Tech 3306). */
export type WavLayout = {
  sampleRate: number;
  channels: number;
  frameBytes: number;
  /** The chunk that says so, as it stands in the file. */
  format: Uint8Array;
  dataAt: number;
  frames: number;
};

/** Read the head of a WAV file that is `fileBytes` long. Throws when it is none. */
export function readLayout(head: Uint8Array, fileBytes: number): WavLayout {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const tag = (at: number) => String.fromCharCode(...head.subarray(at, at + 4));
  if (head.length < 12 || !["RIFF", "RF64"].includes(tag(0)) || tag(8) !== "WAVE") throw new Error("no WAV file");
  let format: Uint8Array | null = null;
  for (let at = 12; at + 8 <= head.length;) {
    const size = view.getUint32(at + 4, true);
    if (tag(at) === "fmt ") format = head.slice(at, at + 8 + size);
    if (tag(at) === "data") {
      if (!format || format.length < 24) break;
      const about = new DataView(format.buffer);
      const frameBytes = about.getUint16(20, true);
      const [channels, sampleRate] = [about.getUint16(10, true), about.getUint32(12, true)];
      if (!frameBytes || !channels || !sampleRate) break;
      // A size that does not fit into 32 bits stands elsewhere; the sound reaches to the file's end.
      const bytes = Math.min(size === 0xffffffff ? Infinity : size, fileBytes - at - 8);
      return { sampleRate, channels, frameBytes, format, dataAt: at + 8, frames: Math.floor(bytes / frameBytes) };
    }
    at += 8 + size + (size & 1);
  }
  throw new Error("no sound in the WAV file");
}

/** A WAV file of some of another one's frames. */
export function wavOf(layout: WavLayout, frames: Uint8Array): ArrayBuffer {
  const { format } = layout;
  const file = new Uint8Array(12 + format.length + 8 + frames.length);
  const view = new DataView(file.buffer);
  const write = (at: number, text: string) => [...text].forEach((sign, n) => (file[at + n] = sign.charCodeAt(0)));
  write(0, "RIFF");
  view.setUint32(4, file.length - 8, true);
  write(8, "WAVE");
  file.set(format, 12);
  const dataAt = 12 + format.length;
  write(dataAt, "data");
  view.setUint32(dataAt + 4, frames.length, true);
  file.set(frames, dataAt + 8);
  return file.buffer;
}

/** A part of a source: seconds `index * PIECE_SECONDS` and what follows. */
export type PieceId = { key: string; index: number };

type Source = { url: string; layout: WavLayout };
type Decoder = Pick<BaseAudioContext, "sampleRate" | "decodeAudioData" | "createBuffer">;

const nameOf = ({ key, index }: PieceId) => `${index} ${key}`;

/**
 * Sources that are too long to be held as a whole: of their files only what is wanted now is fetched and decoded, and little
 * more is kept. `onPiece` hears of each piece that has come.
 */
export class Pieces {
  private readonly sources = new Map<string, Source>();
  /** In the order in which they were used last. */
  private readonly held = new Map<string, AudioBuffer>();
  private readonly loading = new Map<string, AbortController>();
  private wanted: PieceId[] = [];
  private rest: ReturnType<typeof setTimeout> | null = null;
  /** Of decoded sound that is held. */
  bytes = 0;

  constructor(
    private readonly context: Decoder,
    private readonly onPiece: (piece: PieceId, buffer: AudioBuffer) => void,
    private readonly mostBytes = MOST_BYTES,
    private readonly request: typeof fetch = (...call) => fetch(...call),
  ) {}

  /** Take a WAV file up, by its head alone. */
  async open(key: string, url: string, signal?: AbortSignal): Promise<void> {
    if (this.sources.has(key)) return;
    const response = await this.part(url, 0, HEAD_BYTES - 1, signal);
    const head = new Uint8Array(await response.arrayBuffer());
    const fileBytes = Number(/\/(\d+)$/.exec(response.headers.get("content-range") ?? "")?.[1] ?? NaN);
    this.sources.set(key, { url, layout: readLayout(head, Number.isFinite(fileBytes) ? fileBytes : head.length) });
  }

  has(key: string): boolean {
    return this.sources.has(key);
  }

  /** How long a source is, in frames of the context. */
  frames(key: string): number {
    const { layout } = this.sources.get(key)!;
    return Math.round((layout.frames * this.context.sampleRate) / layout.sampleRate);
  }

  /** A piece, if it is here. */
  get(piece: PieceId): AudioBuffer | undefined {
    const name = nameOf(piece);
    const buffer = this.held.get(name);
    if (!buffer) return undefined;
    this.held.delete(name);
    this.held.set(name, buffer);
    return buffer;
  }

  /** What is wanted now, the most urgent first; what was wanted before and is not any more is not fetched on. */
  want(pieces: readonly PieceId[]): void {
    const names = new Set<string>();
    this.wanted = pieces.filter((piece) => {
      const isNew = !names.has(nameOf(piece));
      names.add(nameOf(piece));
      return isNew && this.sources.has(piece.key);
    });
    for (const [name, load] of this.loading) if (!names.has(name)) load.abort();
    this.next();
  }

  close(): void {
    this.want([]);
    if (this.rest !== null) clearTimeout(this.rest);
    this.held.clear();
    this.bytes = 0;
  }

  private next(): void {
    if (this.rest !== null) return;
    for (const piece of this.wanted) {
      if (this.loading.size >= LOADS_AT_ONCE) return;
      const name = nameOf(piece);
      if (!this.held.has(name) && !this.loading.has(name)) void this.load(piece);
    }
  }

  private async load(piece: PieceId): Promise<void> {
    const name = nameOf(piece);
    const controller = new AbortController();
    this.loading.set(name, controller);
    let failed = false;
    try {
      const buffer = await this.decoded(piece, controller.signal);
      if (controller.signal.aborted) return;
      this.keep(name, buffer);
      this.onPiece(piece, buffer);
    } catch {
      failed = !controller.signal.aborted;
    } finally {
      this.loading.delete(name);
      // Without a connection, a moment's rest: it is still wanted.
      if (failed)
        this.rest ??= setTimeout(() => {
          this.rest = null;
          this.next();
        }, REST_MS);
      this.next();
    }
  }

  private keep(name: string, buffer: AudioBuffer): void {
    const size = (one: AudioBuffer) => one.length * one.numberOfChannels * Float32Array.BYTES_PER_ELEMENT;
    this.held.set(name, buffer);
    this.bytes += size(buffer);
    const wanted = new Set(this.wanted.map(nameOf));
    for (const [old, other] of this.held) {
      if (this.bytes <= this.mostBytes) break;
      if (wanted.has(old)) continue;
      this.held.delete(old);
      this.bytes -= size(other);
    }
  }

  private async decoded({ key, index }: PieceId, signal: AbortSignal): Promise<AudioBuffer> {
    const { url, layout } = this.sources.get(key)!;
    const rate = layout.sampleRate;
    const begin = index * PIECE_SECONDS * rate;
    const end = Math.min(layout.frames, begin + PIECE_SECONDS * rate);
    if (begin >= end) throw new Error("behind the end");
    const from = Math.max(0, begin - MARGIN_SECONDS * rate);
    const to = Math.min(layout.frames, end + MARGIN_SECONDS * rate);
    const place = (frame: number) => layout.dataAt + frame * layout.frameBytes;
    const response = await this.part(url, place(from), place(to) - 1, signal);
    const file = wavOf(layout, new Uint8Array(await response.arrayBuffer()));
    const around = await this.context.decodeAudioData(file);
    const here = (frames: number) => Math.round((frames * this.context.sampleRate) / rate);
    const first = here(begin - from);
    const length = Math.min(here(end - begin), around.length - first);
    const piece = this.context.createBuffer(around.numberOfChannels, length, this.context.sampleRate);
    for (let channel = 0; channel < around.numberOfChannels; channel += 1)
      piece.copyToChannel(around.getChannelData(channel).subarray(first, first + length), channel);
    return piece;
  }

  /** Some bytes of a file; waits while the server says that it is still being made. */
  private async part(url: string, from: number, to: number, signal?: AbortSignal): Promise<Response> {
    for (let attempt = 1; ; attempt += 1) {
      const headers = { Range: `bytes=${from}-${to}` };
      const response = await this.request(url, { signal, headers, credentials: "same-origin" });
      if (response.status === 206) return response;
      await response.body?.cancel();
      const later = response.status === 503 || response.status === 504;
      if (!later || attempt >= MOST_TRIES) throw new Error(`${url}: ${response.status}`);
      const seconds = Number(response.headers.get("retry-after")) || 1;
      await new Promise((go) => setTimeout(go, Math.min(10, seconds) * 1000));
      signal?.throwIfAborted();
    }
  }
}

/** A stretch of a clip that lies within one piece: all in frames, `at` from the clip's beginning. */
export type Segment = { at: number; piece: number; from: number; length: number };

/** The clip's places, in frames. */
export type ClipFrames = { offset: number; length: number; loop: number | null };

/** What of a source sounds in a clip between two of its frames, cut where pieces and rounds end. */
export function segmentsOf(
  { offset, length, loop }: ClipFrames,
  sourceFrames: number,
  pieceFrames: number,
  begin: number,
  end: number,
): Segment[] {
  const segments: Segment[] = [];
  // What repeats ends with the source at the latest, as on the server.
  const round = loop === null ? null : Math.min(loop, sourceFrames - offset);
  if (sourceFrames <= offset || (round !== null && round <= 0)) return segments;
  const last = Math.min(end, length, round === null ? sourceFrames - offset : Infinity);
  for (let at = Math.max(0, begin); at < last;) {
    const into = round === null ? at : at % round;
    const place = offset + into;
    const piece = Math.floor(place / pieceFrames);
    const from = place - piece * pieceFrames;
    const left = round === null ? Infinity : round - into;
    const run = Math.min(last - at, pieceFrames - from, left);
    segments.push({ at, piece, from, length: run });
    at += run;
  }
  return segments;
}

/** Peaks of a source that comes in pieces: coarse ones at first, finer ones for each piece that has come. */
export class PiecedPeaks {
  private readonly bars: Float32Array;
  private readonly fine: Uint8Array;

  constructor(
    seconds: number,
    private readonly perSecond: number,
  ) {
    this.bars = new Float32Array(Math.max(1, Math.ceil(seconds * perSecond)));
    this.fine = new Uint8Array(this.bars.length);
  }

  /** Bars of all of it, however few. */
  overview(coarse: ArrayLike<number>): void {
    for (let bar = 0; bar < this.bars.length; bar += 1)
      if (!this.fine[bar]) this.bars[bar] = coarse[Math.floor((bar * coarse.length) / this.bars.length)] ?? 0;
  }

  /** The bars of one piece. */
  piece(index: number, bars: Float32Array): void {
    const from = index * PIECE_SECONDS * this.perSecond;
    const fitting = bars.subarray(0, Math.max(0, this.bars.length - from));
    this.bars.set(fitting, from);
    this.fine.fill(1, from, from + fitting.length);
  }

  /** Whether a piece has been seen as it is. */
  isFine(index: number): boolean {
    return this.fine[index * PIECE_SECONDS * this.perSecond] === 1;
  }

  /** All bars as they are now: another array each time, so that who draws them sees the change. */
  get all(): Float32Array {
    return this.bars.slice();
  }
}
