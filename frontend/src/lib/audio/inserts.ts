import { CONVOLVED, evenly, isMatched, latencyOf, MATCHED, MIX, type Values } from "./effects/kinds";
import type { EffectOptions } from "./effects/worklet";
import type { EffectSetting } from "./session";
import { spaceOf, type Spaces } from "./spaces";
import type { EffectKind } from "@/lib/processing";

/** Where the build put the effects of the audio thread. */
const WORKLET = process.env.NEXT_PUBLIC_EFFECTS ?? "/worklets/worklet.js";

/** Bring the effects to a context's audio thread; false where the browser has none, or does not let us. */
export async function loadEffects(context: BaseAudioContext): Promise<boolean> {
  try {
    // Without HTTPS a browser offers this on its own machine alone.
    await context.audioWorklet.addModule(WORKLET);
    return true;
  } catch {
    return false;
  }
}

/** An insert as it sounds: every parameter with its value. */
export type Insert = { id: string; type: string; values: Values; sidechain: string | null };

/** The inserts of a strip that sound here, in order. */
export function heardInserts(effects: readonly EffectSetting[], kinds: readonly EffectKind[]): Insert[] {
  return effects.flatMap(({ id, type, parameters, bypass, sidechain }) => {
    const kind = kinds.find((known) => known.id === type);
    if (bypass || !kind || !isMatched(type)) return [];
    const values = Object.fromEntries(
      kind.parameters.map(({ name, default: rest }) => [name, parameters[name] ?? rest]),
    );
    return [{ id, type, values: { [MIX]: 1, ...values }, sidechain: (kind.sidechain && sidechain) || null }];
  });
}

/** Whether what goes through these comes out changed by the server alone. */
export function isRenderedAlone(effects: readonly EffectSetting[], kinds: readonly EffectKind[]): boolean {
  return heardInserts(effects, kinds).length < effects.filter(({ bypass }) => !bypass).length;
}

/** The parameters of an insert that may move. */
export function movable(type: string): readonly string[] {
  return [...(MATCHED[type] ?? []), MIX];
}

/** Samples that each insert is behind. */
export function latenciesOf(inserts: readonly Insert[], rate: number): number[] {
  return inserts.map(({ type, values }) => latencyOf(type, values, rate));
}

/** The spaces that inserts answer with. */
export function spacesOf(inserts: readonly Insert[]) {
  return inserts.filter(({ type }) => type === CONVOLVED).map(({ values }) => spaceOf(values));
}

/** What of the inserts cannot change while they sound: they are made anew when it does. */
function builtOf(inserts: readonly Insert[], tempo: number): string {
  return JSON.stringify([
    tempo,
    inserts.map(({ id, type, values, sidechain }) => {
      const fixed = Object.entries(values).filter(([name]) => !movable(type).includes(name));
      return [id, type, sidechain, fixed];
    }),
  ]);
}

/** When the inserts begin, in seconds of the context, and where in the song. */
export type Begin = { at: number; from: number };

/** Longer than any pre-delay. */
const LONGEST_PREDELAY_SECONDS = 0.5;

/** An insert at work. `convolver` makes its wet sound, from what `predelay` lets through. */
type InsertNodes = { insert: Insert; node: AudioWorkletNode; predelay?: DelayNode; convolver?: ConvolverNode };

/** The nodes of a strip's inserts, between its input and what comes after them. */
export class InsertChain {
  private nodes: InsertNodes[] = [];
  private built = "";

  constructor(
    private readonly input: AudioNode,
    private readonly output: AudioNode,
    private readonly spaces: Pick<Spaces, "buffer">,
  ) {
    input.connect(output);
  }

  /** Whether these inserts, or others, have to be made. */
  isBuilt(inserts: readonly Insert[], tempo: number): boolean {
    return this.built === builtOf(inserts, tempo);
  }

  /** Make the inserts anew: nothing of what sounded before rings on in them. */
  build(inserts: readonly Insert[], tempo: number, { at, from }: Begin): void {
    this.clear();
    this.built = builtOf(inserts, tempo);
    const { context } = this.input;
    const rate = context.sampleRate;
    let before = this.input;
    let late = 0;
    for (const insert of inserts) {
      const { type, values, sidechain } = insert;
      const options: EffectOptions = {
        values,
        tempo,
        from: Math.max(0, Math.round(from * rate)),
        startFrame: Math.round(at * rate) + late,
        keyed: sidechain !== null || type === CONVOLVED,
      };
      const node = new AudioWorkletNode(context, type, {
        numberOfInputs: options.keyed ? 2 : 1,
        numberOfOutputs: 1,
        outputChannelCount: [2],
        channelCount: 2,
        channelCountMode: "explicit",
        parameterData: Object.fromEntries(movable(type).map((name) => [name, Number(values[name])])),
        processorOptions: options,
      });
      before.connect(node);
      this.nodes.push({ insert, node, ...(type === CONVOLVED ? this.convolved(before, node, values) : {}) });
      before = node;
      late += latencyOf(type, values, rate);
    }
    this.fill();
    if (inserts.length) {
      this.input.disconnect(this.output);
      before.connect(this.output);
    }
  }

  /** Give every convolution that still lacks its space the one that has been made. */
  fill(): void {
    for (const { insert, convolver } of this.nodes)
      if (convolver && !convolver.buffer) convolver.buffer = this.spaces.buffer(spaceOf(insert.values).key);
  }

  /** The way of the wet sound: the browser's own convolution is neither late nor on our account. */
  private convolved(before: AudioNode, node: AudioWorkletNode, values: Values) {
    const { context } = this.input;
    const rate = context.sampleRate;
    const predelay = context.createDelay(LONGEST_PREDELAY_SECONDS);
    predelay.delayTime.value = evenly((Number(values.predelay_ms) * rate) / 1000) / rate;
    const convolver = context.createConvolver();
    convolver.channelCount = 2;
    convolver.channelCountMode = "explicit";
    // The spaces have the energy that the server gives them; the browser would weigh them by its own measure.
    convolver.normalize = false;
    before.connect(predelay).connect(convolver).connect(node, 0, 1);
    return { predelay, convolver };
  }

  get isEmpty(): boolean {
    return !this.nodes.length;
  }

  /** An insert's node, as far as it sounds. */
  node(id: string): AudioWorkletNode | undefined {
    return this.nodes.find(({ insert }) => insert.id === id)?.node;
  }

  /** Take all of them out: the input leads straight on. */
  clear(): void {
    if (!this.nodes.length) return;
    const [first] = this.nodes;
    this.input.disconnect(first!.node);
    if (first!.predelay) this.input.disconnect(first!.predelay);
    for (const { node, predelay, convolver } of this.nodes) {
      node.disconnect();
      predelay?.disconnect();
      convolver?.disconnect();
      // Nobody collects a processor that never says that it is done.
      node.port.postMessage("done");
    }
    this.nodes = [];
    this.built = "";
    this.input.connect(this.output);
  }
}
