import { Bitcrusher, Saturation } from "./colour.js";
import { Compressor, DeEsser, Expander, Gate, MultibandCompressor, TransientShaper } from "./dynamics.js";
import { cut, equalizer } from "./filters.js";
import { latencyOf, MATCHED, MIX } from "./kinds.js";
import { Limiter } from "./limiter.js";
import { ModulatedDelay, Phaser, Tremolo } from "./modulation.js";
import { PitchShift } from "./pitch.js";
import { Delay, type Processor, type Rows, type Setting, type Sides } from "./processor.js";
import { Convolved, Echo, Reverb } from "./space.js";

const MAKERS: Readonly<Record<string, (setting: Setting) => Processor>> = {
  equalizer,
  high_pass: cut("low_cut"),
  low_pass: cut("high_cut"),
  compressor: (setting) => new Compressor(setting),
  multiband_compressor: (setting) => new MultibandCompressor(setting),
  gate: (setting) => new Gate(setting),
  expander: (setting) => new Expander(setting),
  de_esser: (setting) => new DeEsser(setting),
  limiter: (setting) => new Limiter(setting),
  transient_shaper: (setting) => new TransientShaper(setting),
  saturation: (setting) => new Saturation(setting),
  bitcrusher: (setting) => new Bitcrusher(setting),
  chorus: (setting) => new ModulatedDelay(setting),
  flanger: (setting) => new ModulatedDelay(setting),
  phaser: (setting) => new Phaser(setting),
  tremolo: (setting) => new Tremolo(setting),
  reverb: (setting) => new Reverb(setting),
  convolution_reverb: (setting) => new Convolved(setting),
  delay: (setting) => new Echo(setting),
  pitch_shift: (setting) => new PitchShift(setting),
};

/** An effect in its place: what it makes, beside the dry sound that waited for it. */
export class Insert {
  private readonly processor: Processor;
  private readonly wait: Delay;

  constructor(type: string, setting: Setting) {
    this.processor = MAKERS[type]!(setting);
    this.wait = new Delay(latencyOf(type, setting.values, setting.rate));
  }

  /** Turn a block into what is heard behind the effect, in place; `rows` holds the mix as well. */
  process(sides: Sides, rows: Rows, key: Sides): void {
    const dry: Sides = [sides[0].slice(), sides[1].slice()];
    // The effect writes over its input: what steers it must not be that.
    this.processor.process(sides, rows, key === sides ? [dry[0].slice(), dry[1].slice()] : key);
    this.wait.process(dry);
    const mix = rows[MIX]!;
    for (const side of [0, 1] as const) {
      const [wet, plain] = [sides[side], dry[side]];
      for (let i = 0; i < wet.length; i += 1) wet[i] = plain[i]! + mix[i]! * (wet[i]! - plain[i]!);
    }
  }
}

/** The parameters of an effect that may move, the mix among them. */
export function parametersOf(type: string): readonly string[] {
  return [...MATCHED[type]!, MIX];
}
