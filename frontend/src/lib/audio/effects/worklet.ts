import { Insert, parametersOf } from "./insert.js";
import { MATCHED, METER, type Values } from "./kinds.js";
import { Meter } from "./meter.js";
import type { Sides } from "./processor.js";

/** What the page hands over when it puts an effect in. Frames are of the audio context. */
export type EffectOptions = { values: Values; tempo: number; from: number; startFrame: number; keyed: boolean };

// What the audio thread offers (Web Audio API 1.1, §1.32); TypeScript's own descriptions leave it out.
declare const sampleRate: number;
declare const currentFrame: number;
declare function registerProcessor(name: string, kind: unknown): void;
declare class AudioWorkletProcessor {
  readonly port: { onmessage: ((event: unknown) => void) | null; postMessage(message: unknown): void };
}

const BLOCK = 128;

const silence = new Float32Array(BLOCK);

/** One effect of the mixer on the audio thread. */
function processorOf(type: string) {
  const names = parametersOf(type);
  return class extends AudioWorkletProcessor {
    static get parameterDescriptors() {
      return names.map((name) => ({ name, automationRate: "a-rate" }));
    }

    private readonly insert: Insert;
    private readonly options: EffectOptions;
    private readonly rows = Object.fromEntries(names.map((name) => [name, new Float64Array(BLOCK)]));
    private over = false;

    constructor({ processorOptions }: { processorOptions: EffectOptions }) {
      super();
      this.options = processorOptions;
      const { values, tempo, from } = processorOptions;
      this.insert = new Insert(type, { values, rate: sampleRate, tempo, from });
      this.port.onmessage = () => (this.over = true);
    }

    process(inputs: Float32Array[][], outputs: Float32Array[][], parameters: Record<string, Float32Array>): boolean {
      const out = outputs[0]!;
      const frames = out[0]!.length;
      const skipped = Math.min(frames, Math.max(0, this.options.startFrame - currentFrame));
      const [input, key] = inputs;
      if (skipped === frames) return !this.over;
      const part = (channels: Float32Array[] | undefined): Sides => [
        Float64Array.from((channels?.[0] ?? silence).subarray(skipped, frames)),
        Float64Array.from((channels?.[1] ?? channels?.[0] ?? silence).subarray(skipped, frames)),
      ];
      const rows: Record<string, Float64Array> = {};
      for (const name of names) {
        const given = parameters[name]!;
        const row = this.rows[name]!;
        if (given.length === 1) row.fill(given[0]!);
        else row.set(given);
        rows[name] = row.subarray(skipped, frames);
      }
      const sides = part(input);
      this.insert.process(sides, rows, this.options.keyed ? part(key) : sides);
      for (const side of [0, 1] as const) out[side]?.set(sides[side], skipped);
      return !this.over;
    }
  };
}

const READINGS_PER_SECOND = 10;

/** Tells the page what the meters say of what comes in; nothing comes out. */
class Measuring extends AudioWorkletProcessor {
  private readonly meter = new Meter(sampleRate);
  private readonly silence = [new Float32Array(BLOCK)];
  private frames = 0;
  private over = false;

  constructor() {
    super();
    this.port.onmessage = () => (this.over = true);
  }

  process([input]: Float32Array[][]): boolean {
    this.meter.add(input?.length ? input : this.silence);
    this.frames += BLOCK;
    if (this.frames * READINGS_PER_SECOND >= sampleRate) {
      this.frames = 0;
      this.port.postMessage(this.meter.read());
    }
    return !this.over;
  }
}

registerProcessor(METER, Measuring);
for (const type of Object.keys(MATCHED)) registerProcessor(type, processorOf(type));
