import { linesOf, valueAt, type AutomationPoint } from "./automation";
import { crossfaded } from "./edits";
import { audibleWires, wireKey, wiresOf, type Wire } from "./routing";
import {
  balanceGains,
  fadeGain,
  gainFactor,
  laneOf,
  MASTER,
  PLAIN_MASTER,
  type Arrangement,
  type Bus,
  type Channel,
  type Clip,
  type Strip,
} from "./session";

/** A strip's nodes: what comes in, fader, balance, and what leaves it (which the meter reads). */
type StripNodes = {
  input: GainNode;
  fader: GainNode;
  left: GainNode;
  right: GainNode;
  output: AnalyserNode;
  sources: AudioBufferSourceNode[];
};
type WireNodes = { from: AudioNode; gain: GainNode };
type Mix = Omit<Arrangement, "title">;

const GLIDE_SECONDS = 0.012;
const START_DELAY_SECONDS = 0.06;
const FADE_POINTS = 64;

/** The loudest sample that an analyser holds, in dBFS. */
export function peakDb(analyser: AnalyserNode, samples: Float32Array<ArrayBuffer>): number {
  analyser.getFloatTimeDomainData(samples);
  let loudest = 0;
  for (const sample of samples) loudest = Math.max(loudest, Math.abs(sample));
  return loudest > 0 ? 20 * Math.log10(loudest) : -Infinity;
}

/** A fade as a curve of gains, for `setValueCurveAtTime`; from `from` (0…1 of its length) to its end. */
function fadeCurve(clip: Clip, side: "fadeIn" | "fadeOut", from: number): Float32Array<ArrayBuffer> {
  const curve = new Float32Array(FADE_POINTS);
  for (let at = 0; at < FADE_POINTS; at += 1) {
    const x = from + ((1 - from) * at) / (FADE_POINTS - 1);
    curve[at] = fadeGain(side === "fadeIn" ? x : 1 - x, clip[side].curve);
  }
  return curve;
}

/** A moving gain has no bottom that is silence: the server follows the decibels alike. */
const movingFactor = (gainDb: number) => 10 ** (gainDb / 20);

/** Whether what enters a bus comes out changed by the server alone. */
function isCoded(bus: Bus): boolean {
  return bus.effects.some((effect) => !effect.bypass);
}

/**
 * Plays channels of decoded audio in step: clips, crossfades, gain, balance, sends, buses, mute, solo and their
 * automation, with the same arithmetic as the server's mixer. Effects are the server's alone; a send into a bus with
 * effects stays silent here, since the dry sound twice would be nothing like it.
 */
export class Multitrack {
  readonly context: AudioContext;
  private readonly strips = new Map<string, StripNodes>();
  private readonly wires = new Map<string, WireNodes>();
  private readonly buffers = new Map<string, AudioBuffer>();
  private mix: Mix = { channels: [], buses: [], master: PLAIN_MASTER };
  private startedAt = 0;
  private from = 0;
  private running = false;

  constructor() {
    this.context = new AudioContext();
    this.strip(MASTER).output.connect(this.context.destination);
  }

  /** Fetch and decode a source; keeps it under `key`. */
  async load(key: string, url: string, signal?: AbortSignal): Promise<AudioBuffer> {
    const known = this.buffers.get(key);
    if (known) return known;
    const response = await fetch(url, { signal, credentials: "same-origin" });
    if (!response.ok) throw new Error(`${url}: ${response.status}`);
    const buffer = await this.context.decodeAudioData(await response.arrayBuffer());
    this.buffers.set(key, buffer);
    return buffer;
  }

  buffer(key: string): AudioBuffer | undefined {
    return this.buffers.get(key);
  }

  get playing(): boolean {
    return this.running;
  }

  /** Seconds into the song. */
  get position(): number {
    return this.running ? this.from + Math.max(0, this.context.currentTime - this.startedAt) : this.from;
  }

  /** What a strip's meter reads: its sound after the fader. */
  analyser(stripId: string): AnalyserNode | undefined {
    return this.strips.get(stripId)?.output;
  }

  /** Take over the mix; what sounds goes on without a gap where it may. */
  update(mix: Mix): void {
    const before = this.mix;
    this.mix = mix;
    const known: Strip[] = [...before.channels, ...before.buses, before.master];
    const strips: Strip[] = [...mix.channels, ...mix.buses, mix.master];
    for (const strip of strips) if (!known.includes(strip) || !this.strips.has(strip.id)) this.setStrip(strip);
    this.setWires();
    for (const [id, nodes] of this.strips)
      if (!strips.some((strip) => strip.id === id)) {
        this.silence(nodes);
        nodes.output.disconnect();
        this.strips.delete(id);
      }
    const moved = mix.channels.some((channel) => {
      const old = before.channels.find(({ id }) => id === channel.id);
      return old?.clips !== channel.clips || old.crossfade !== channel.crossfade;
    });
    if (this.running && moved) this.seek(this.position);
  }

  play(): void {
    if (this.running) return;
    void this.context.resume();
    this.running = true;
    this.startedAt = this.context.currentTime + START_DELAY_SECONDS;
    for (const channel of this.mix.channels) this.schedule(channel);
    this.followAutomation();
  }

  pause(): void {
    this.from = this.position;
    this.running = false;
    for (const nodes of this.strips.values()) this.silence(nodes);
    this.followAutomation();
  }

  seek(seconds: number): void {
    const wasRunning = this.running;
    if (wasRunning) this.pause();
    this.from = Math.max(0, seconds);
    if (wasRunning) this.play();
    else this.followAutomation();
  }

  close(): void {
    this.pause();
    void this.context.close();
  }

  private strip(id: string): StripNodes {
    const known = this.strips.get(id);
    if (known) return known;
    const context = this.context;
    const input = context.createGain();
    input.channelCount = 2;
    input.channelCountMode = "explicit";
    const fader = context.createGain();
    const splitter = context.createChannelSplitter(2);
    const merger = context.createChannelMerger(2);
    const [left, right] = [context.createGain(), context.createGain()];
    const output = context.createAnalyser();
    output.fftSize = 2048;
    input.connect(fader).connect(splitter);
    splitter.connect(left, 0).connect(merger, 0, 0);
    splitter.connect(right, 1).connect(merger, 0, 1);
    merger.connect(output);
    const nodes = { input, fader, left, right, output, sources: [] };
    this.strips.set(id, nodes);
    return nodes;
  }

  private setStrip(strip: Strip): void {
    const { fader, left, right } = this.strip(strip.id);
    this.follow(fader.gain, laneOf(strip, "gain_db")?.points, gainFactor(strip.gainDb), movingFactor);
    const balance = laneOf(strip, "pan")?.points;
    const [atLeft, atRight] = balanceGains(strip.pan);
    this.follow(left.gain, balance, atLeft, (pan) => balanceGains(pan)[0]);
    this.follow(right.gain, balance, atRight, (pan) => balanceGains(pan)[1]);
  }

  private setWires(): void {
    const { channels, buses } = this.mix;
    const strips = [...channels, ...buses];
    const audible = audibleWires(channels, buses);
    const wanted = new Map<string, Wire>(wiresOf(strips).map((wire) => [wireKey(wire), wire]));
    for (const [key, { from, gain }] of this.wires)
      if (!wanted.has(key)) {
        from.disconnect(gain);
        gain.disconnect();
        this.wires.delete(key);
      }
    for (const [key, wire] of wanted) {
      const open = audible.has(key) && !(wire.kind === "send" && isCoded(buses.find(({ id }) => id === wire.to)!));
      const { gain } = this.wire(key, wire);
      const sender = strips.find(({ id }) => id === wire.from)!;
      const send = wire.kind === "send" ? sender.sends.find(({ to }) => to === wire.to) : undefined;
      const lane = open && send ? laneOf(sender, `sends/${wire.to}/gain_db`)?.points : undefined;
      this.follow(gain.gain, lane, open ? (send ? gainFactor(send.gainDb) : 1) : 0, movingFactor);
    }
  }

  private wire(key: string, { from, to, preFader }: Wire): WireNodes {
    const known = this.wires.get(key);
    if (known) return known;
    const source = this.strip(from);
    const gain = this.context.createGain();
    gain.gain.value = 0;
    const tap = preFader ? source.input : source.output;
    tap.connect(gain).connect(this.strip(to).input);
    const nodes = { from: tap, gain };
    this.wires.set(key, nodes);
    return nodes;
  }

  /** Let everything that moves start from where the song is now. */
  private followAutomation(): void {
    const { channels, buses, master } = this.mix;
    for (const strip of [...channels, ...buses, master]) if (strip.automation.length) this.setStrip(strip);
    if ([...channels, ...buses].some(({ automation }) => automation.length)) this.setWires();
  }

  /** Set a gain: to its resting value, or along its lane from now on. */
  private follow(
    parameter: AudioParam,
    points: readonly AutomationPoint[] | undefined,
    rest: number,
    factor: (value: number) => number,
  ): void {
    const now = this.context.currentTime;
    parameter.cancelScheduledValues(now);
    if (!points) parameter.setTargetAtTime(rest, now, GLIDE_SECONDS);
    else if (!this.running) parameter.setTargetAtTime(factor(valueAt(points, this.from)), now, GLIDE_SECONDS);
    else {
      const position = this.position;
      const begin = Math.max(now, this.startedAt);
      for (const { time, value, jump } of linesOf(points, position)) {
        const at = begin + time - position;
        if (jump) parameter.setValueAtTime(factor(value), at);
        else parameter.linearRampToValueAtTime(factor(value), at);
      }
    }
  }

  private schedule(channel: Channel): void {
    const nodes = this.strip(channel.id);
    const buffer = this.buffers.get(sourceKey(channel));
    if (!buffer) return;
    for (const clip of crossfaded(channel.clips, channel.crossfade)) {
      const skipped = Math.max(0, this.from - clip.start);
      const length = Math.min(clip.length, buffer.duration - clip.offset);
      if (skipped >= length) continue;
      const begin = this.startedAt + Math.max(0, clip.start - this.from);
      const source = this.context.createBufferSource();
      const [rising, falling] = [this.context.createGain(), this.context.createGain()];
      source.buffer = buffer;
      source.connect(rising).connect(falling).connect(nodes.input);
      const { fadeIn, fadeOut } = clip;
      if (fadeIn.seconds > skipped) {
        const part = skipped / fadeIn.seconds;
        rising.gain.setValueCurveAtTime(fadeCurve(clip, "fadeIn", part), begin, fadeIn.seconds - skipped);
      }
      if (fadeOut.seconds > 0) {
        const fadesAt = Math.max(0, length - fadeOut.seconds);
        const from = Math.max(fadesAt, skipped);
        const part = Math.max(0, (from - (length - fadeOut.seconds)) / fadeOut.seconds);
        falling.gain.setValueCurveAtTime(fadeCurve(clip, "fadeOut", part), begin + from - skipped, length - from);
      }
      source.start(begin, clip.offset + skipped, length - skipped);
      nodes.sources.push(source);
    }
  }

  private silence(nodes: StripNodes): void {
    for (const source of nodes.sources) {
      source.stop();
      source.disconnect();
    }
    nodes.sources = [];
  }
}

/** Under which key a channel's audio is kept. */
export function sourceKey(channel: Pick<Channel, "trackId" | "stem">): string {
  return `${channel.trackId}/${channel.stem}`;
}
