import type { Values } from "./effects/kinds";
import type { SpaceAsked, SpaceMade } from "./effects/impulse-worker";

/** Where the build put what makes spaces, beside the effects of the audio thread. */
const WORKER = (process.env.NEXT_PUBLIC_EFFECTS ?? "/worklets/worklet.js").replace(/[^/]*$/, "impulse-worker.js");

/** As many spaces as the server keeps. */
const MOST_KEPT = 8;

/** Which space a convolution answers with. */
export type Space = { key: string; space: string; decaySeconds: number };

/** The space that an effect's values name. */
export function spaceOf(values: Values): Space {
  const space = String(values.space);
  const decaySeconds = Number(values.decay_seconds);
  return { key: `${space} ${decaySeconds}`, space, decaySeconds };
}

/** What of a worker is used here. */
type Maker = {
  onmessage: ((event: MessageEvent<SpaceMade>) => unknown) | null;
  onerror: ((event: ErrorEvent) => unknown) | null;
  postMessage: (message: SpaceAsked) => void;
  terminate: () => void;
};

const startWorker = (): Maker => new Worker(WORKER, { type: "module" });

/**
 * Makes the impulse responses that a mix wants, one after the other and off the page's own thread; the server's, sample
 * for sample. `onChange` hears of each that is there, or of `failed`.
 */
export class Spaces {
  private readonly made = new Map<string, AudioBuffer>();
  private wanted: Space[] = [];
  private busy: Space | null = null;
  private maker: Maker | null = null;
  /** Whether none can be made in this browser. */
  failed = false;

  constructor(
    private readonly context: BaseAudioContext,
    private readonly onChange: () => void,
    private readonly start: () => Maker = startWorker,
  ) {}

  /** The spaces that are wanted now; what was wanted before and has not begun is not made any more. */
  want(spaces: readonly Space[]): void {
    this.wanted = spaces.filter(({ key }, at) => spaces.findIndex((other) => other.key === key) === at);
    this.next();
  }

  /** A space that has been made. */
  buffer(key: string): AudioBuffer | null {
    return this.made.get(key) ?? null;
  }

  /** The spaces that are there. */
  get ready(): string[] {
    return [...this.made.keys()];
  }

  close(): void {
    this.maker?.terminate();
    this.maker = null;
    this.wanted = [];
  }

  private next(): void {
    const next = this.wanted.find(({ key }) => !this.made.has(key));
    if (!next || this.busy || this.failed) return;
    try {
      this.maker ??= this.started();
      this.busy = next;
      this.maker.postMessage({ ...next, rate: this.context.sampleRate });
    } catch {
      this.fail();
    }
  }

  private started(): Maker {
    const maker = this.start();
    maker.onmessage = ({ data: { key, sides } }) => {
      this.busy = null;
      const buffer = this.context.createBuffer(2, sides[0].length, this.context.sampleRate);
      sides.forEach((side, channel) => buffer.copyToChannel(side, channel));
      this.made.set(key, buffer);
      for (const old of this.made.keys())
        if (this.made.size > MOST_KEPT && !this.wanted.some((space) => space.key === old)) this.made.delete(old);
      this.onChange();
      this.next();
    };
    maker.onerror = () => this.fail();
    return maker;
  }

  private fail(): void {
    this.failed = true;
    this.busy = null;
    this.onChange();
  }
}
