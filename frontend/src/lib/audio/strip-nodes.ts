import { InsertChain } from "./inserts";
import type { Spaces } from "./spaces";

/** A strip's nodes: what comes in, inserts, fader, balance, and what leaves it (which the meter reads). */
export type StripNodes = {
  input: GainNode;
  inserts: InsertChain;
  /** Behind the inserts, before the fader. */
  inserted: GainNode;
  fader: GainNode;
  left: GainNode;
  right: GainNode;
  /** Behind the master's fader: its limiter. Other strips have none. */
  ceiling: InsertChain | null;
  output: AnalyserNode;
  sources: AudioBufferSourceNode[];
  /** What clips go through whose sound comes in pieces. */
  fades: GainNode[];
};

/** The nodes of a strip, connected to each other; nothing comes in yet, and nothing hears them. */
export function makeStrip(context: BaseAudioContext, spaces: Spaces, isMaster: boolean): StripNodes {
  const input = context.createGain();
  input.channelCount = 2;
  input.channelCountMode = "explicit";
  const inserted = context.createGain();
  const inserts = new InsertChain(input, inserted, spaces);
  const fader = context.createGain();
  const splitter = context.createChannelSplitter(2);
  const merger = context.createChannelMerger(2);
  const [left, right] = [context.createGain(), context.createGain()];
  const output = context.createAnalyser();
  output.fftSize = 2048;
  inserted.connect(fader).connect(splitter);
  splitter.connect(left, 0).connect(merger, 0, 0);
  splitter.connect(right, 1).connect(merger, 0, 1);
  const ceiling = isMaster ? new InsertChain(merger, output, spaces) : null;
  if (!ceiling) merger.connect(output);
  return { input, inserts, inserted, fader, left, right, ceiling, output, sources: [], fades: [] };
}

/** End what sounds in a strip; what rings in its effects rings on. */
export function silence(nodes: StripNodes): void {
  for (const source of nodes.sources.splice(0)) {
    source.stop();
    source.disconnect();
  }
  for (const fade of nodes.fades.splice(0)) fade.disconnect();
}

/** The loudest sample that an analyser holds, in dBFS. */
export function peakDb(analyser: AnalyserNode, samples: Float32Array<ArrayBuffer>): number {
  analyser.getFloatTimeDomainData(samples);
  let loudest = 0;
  for (const sample of samples) loudest = Math.max(loudest, Math.abs(sample));
  return loudest > 0 ? 20 * Math.log10(loudest) : -Infinity;
}
