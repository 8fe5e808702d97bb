import { PIECE_SECONDS, Pieces, segmentsOf, type ClipFrames, type PieceId, type Segment } from "./pieces";
import { sourceKey, type Channel, type Clip } from "./session";

/** How far ahead of the playhead pieces are put under way, and how far ahead they are fetched, in seconds. */
const AHEAD_SECONDS = 8;
const FETCHED_SECONDS = 20;
const FILL_MS = 500;
/** What comes later than it should begins so much from now, in seconds. */
const SOON_SECONDS = 0.02;

/** A clip that sounds piece by piece: what of it is `done` is under way, its first frame sounds at `begin`. */
type Stream = {
  key: string;
  frames: ClipFrames;
  into: AudioNode;
  sources: AudioBufferSourceNode[];
  begin: number;
  done: number;
};

/** A clip's places as whole frames. */
function framesOf({ offset, length, loop }: Clip, rate: number): ClipFrames {
  const whole = (seconds: number) => Math.round(seconds * rate);
  return { offset: whole(offset), length: whole(length), loop: loop ? whole(loop) : null };
}

/** Where the song is, and what it is made of. */
type Song = { position: number; channels: readonly Channel[] };

/** Lets sources that are too long to be held as a whole sound from pieces, which come when they are needed. */
export class Streams {
  private readonly pieces: Pieces;
  private under: Stream[] = [];
  private filler: ReturnType<typeof setInterval> | null = null;
  private looked: [number, number] = [0, 0];
  /** Hears of each piece that has come. */
  onPiece: (piece: PieceId, buffer: AudioBuffer) => void = () => undefined;
  /** Whether a piece has been looked at already: it need not come for the picture's sake. */
  isSeen: (piece: PieceId) => boolean = () => false;

  constructor(
    private readonly context: BaseAudioContext,
    private readonly song: () => Song,
  ) {
    this.pieces = new Pieces(context, (piece, buffer) => {
      this.onPiece(piece, buffer);
      this.fill();
    });
  }

  /** Take a source up. */
  open(key: string, url: string, signal?: AbortSignal): Promise<void> {
    return this.pieces.open(key, url, signal);
  }

  /** How long a source is that comes in pieces; 0 for all others. */
  seconds(key: string): number {
    return this.pieces.has(key) ? this.pieces.frames(key) / this.context.sampleRate : 0;
  }

  /** Somebody looks closely at a part of the song; nobody any more where it is empty. */
  look(from: number, to: number): void {
    if (this.looked[0] === from && this.looked[1] === to) return;
    this.looked = [from, to];
    this.fill();
  }

  /** Let a clip sound: what of it lies `skipped` seconds behind its beginning at `begin`. Its nodes go into `sources`. */
  add(
    clip: Clip,
    key: string,
    into: AudioNode,
    sources: AudioBufferSourceNode[],
    begin: number,
    skipped: number,
  ): void {
    const rate = this.context.sampleRate;
    const done = Math.round(skipped * rate);
    // Pieces join without a gap where each begins with a sample.
    const first = (Math.round(begin * rate) - done) / rate;
    this.under.push({ key, frames: framesOf(clip, rate), into, sources, begin: first, done });
  }

  start(): void {
    this.filler ??= setInterval(() => this.fill(), FILL_MS);
    this.fill();
  }

  /** Nothing more is put under way; what is under way already is its owner's to stop. */
  stop(): void {
    if (this.filler !== null) clearInterval(this.filler);
    this.filler = null;
    this.under = [];
  }

  close(): void {
    this.stop();
    this.pieces.close();
  }

  /** Put the pieces under way that are due soon, and fetch those that come after them. */
  fill(): void {
    const now = this.context.currentTime;
    const rate = this.context.sampleRate;
    for (const stream of this.under) {
      const horizon = Math.round((now + AHEAD_SECONDS - stream.begin) * rate);
      for (const segment of this.segments(stream.key, stream.frames, stream.done, horizon)) {
        const buffer = this.pieces.get({ key: stream.key, index: segment.piece });
        const due = stream.begin + segment.at / rate;
        const late = due >= now ? 0 : Math.ceil((now + SOON_SECONDS - due) * rate);
        // What is not here may still come in time, or in the middle of its time; after that it is left out.
        if (!buffer && late < segment.length) break;
        stream.done = segment.at + segment.length;
        if (buffer && late < segment.length) this.begin(stream, buffer, segment, late);
      }
    }
    this.pieces.want(this.needed());
  }

  /** Let a part of a piece sound, without its first `late` frames. */
  private begin({ sources, into, begin }: Stream, buffer: AudioBuffer, segment: Segment, late: number): void {
    const rate = this.context.sampleRate;
    const source = this.context.createBufferSource();
    source.buffer = buffer;
    source.connect(into);
    source.onended = () => {
      // A node that is over would hold its piece.
      source.disconnect();
      const at = sources.indexOf(source);
      if (at >= 0) sources.splice(at, 1);
    };
    source.start(begin + (segment.at + late) / rate, (segment.from + late) / rate, (segment.length - late) / rate);
    sources.push(source);
  }

  private segments(key: string, frames: ClipFrames, from: number, to: number): Segment[] {
    return segmentsOf(frames, this.pieces.frames(key), PIECE_SECONDS * this.context.sampleRate, from, to);
  }

  /** The pieces that are wanted: those that sound next, then those that somebody looks at. */
  private needed(): PieceId[] {
    const { position, channels } = this.song();
    const heard = this.between(channels, position, position + FETCHED_SECONDS);
    const [from, to] = this.looked;
    const looked = to > from ? this.between(channels, from, to) : [];
    return [...heard, ...looked.filter((piece) => !this.isSeen(piece))];
  }

  /** The pieces that sound between two seconds of the song, in the order in which they do. */
  private between(channels: readonly Channel[], from: number, to: number): PieceId[] {
    const rate = this.context.sampleRate;
    const found: (PieceId & { at: number })[] = [];
    for (const channel of channels) {
      const key = sourceKey(channel);
      if (!this.pieces.has(key)) continue;
      for (const clip of channel.clips) {
        const place = (seconds: number) => Math.round((seconds - clip.start) * rate);
        for (const { at, piece } of this.segments(key, framesOf(clip, rate), place(from), place(to)))
          found.push({ key, index: piece, at: clip.start + at / rate });
      }
    }
    return found.sort((a, b) => a.at - b.at).map(({ key, index }) => ({ key, index }));
  }
}
