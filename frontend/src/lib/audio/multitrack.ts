import { linesOf, valueAt, type AutomationPoint } from "./automation";
import { crossfaded } from "./edits";
import {
  heardInserts,
  InsertChain,
  isRenderedAlone,
  latenciesOf,
  loadEffects,
  movable,
  spacesOf,
  type Begin,
  type Insert,
} from "./inserts";
import { CONVOLVED, lagOf, latencyOf, LIMITER } from "./effects/kinds";
import { aligned, type Alignment, type Key } from "./latency";
import { audibleWires, keysOf, wireKey, wiresOf, type Wire } from "./routing";
import {
  balanceGains,
  fadeGain,
  gainFactor,
  laneOf,
  MASTER,
  PLAIN_MASTER,
  sourceKey,
  type Arrangement,
  type Bus,
  type Channel,
  type Clip,
  type Strip,
} from "./session";
import { Spaces } from "./spaces";
import { Streams } from "./streams";
import { makeStrip, silence, type StripNodes } from "./strip-nodes";
import type { EffectKind } from "@/lib/processing";

type WireNodes = { from: AudioNode; gain: GainNode; wait: DelayNode };

/** A mix, what is known of its effects, and the tempo that they follow. */
export type Mix = Omit<Arrangement, "title"> & { kinds: readonly EffectKind[]; tempo: number };

/** The limiter behind the master's fader, among inserts. */
const CEILING = "ceiling";

const GLIDE_SECONDS = 0.012;
const START_DELAY_SECONDS = 0.06;
/** More than all latencies of a mix together. */
const LONGEST_WAIT_SECONDS = 2;
const FADE_POINTS = 64;

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

/**
 * Plays channels of decoded audio in step: clips, crossfades, gain, balance, sends, buses, mute, solo and their
 * automation, with the same arithmetic as the server's mixer. So do most effects, and what they are late everything
 * else waits for. Those that only the server has are passed by; a send into a bus with one of them stays silent here,
 * since the dry sound twice would be nothing like it.
 */
export class Multitrack {
  readonly context: AudioContext;
  private readonly strips = new Map<string, StripNodes>();
  private readonly wires = new Map<string, WireNodes>();
  private readonly buffers = new Map<string, AudioBuffer>();
  private readonly keys: { tap: AudioNode; wait: DelayNode }[] = [];
  private mix: Mix = { channels: [], buses: [], master: PLAIN_MASTER, kinds: [], tempo: 120 };
  private alignment: Alignment = aligned(new Map(), [], []);
  private hasEffects = false;
  private startedAt = 0;
  private from = 0;
  private running = false;
  /** What is too long to be held as a whole. */
  readonly streams: Streams;
  /** Whether the effects sound here; known once the audio thread has them, or is known to lack them. */
  readonly effects: Promise<boolean>;
  private readonly spaces: Spaces;
  private ceiling: InsertChain | null = null;

  /** `onSpaces` hears which spaces have been made; null: none can be made here. */
  constructor(onSpaces: (ready: string[] | null) => void = () => undefined) {
    this.context = new AudioContext();
    this.streams = new Streams(this.context, () => ({ position: this.position, channels: this.mix.channels }));
    this.spaces = new Spaces(this.context, () => {
      for (const { inserts } of this.strips.values()) inserts.fill();
      // Without its space an effect would only swallow the sound: it is passed by.
      if (this.spaces.failed) this.update({ ...this.mix });
      onSpaces(this.spaces.failed ? null : this.spaces.ready);
    });
    this.strip(MASTER).output.connect(this.context.destination);
    this.effects = loadEffects(this.context).then((loaded) => {
      this.hasEffects = loaded && this.context.state !== "closed";
      if (this.hasEffects) this.update({ ...this.mix });
      return this.hasEffects;
    });
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

  /** Take a source up whose sound comes piece by piece. */
  async loadInPieces(key: string, url: string, signal?: AbortSignal): Promise<void> {
    await this.streams.open(key, url, signal);
    if (this.running) this.seek(this.position);
    else this.streams.fill();
  }

  get playing(): boolean {
    return this.running;
  }

  /** Seconds into the song that are heard now: what effects make late is not heard yet. */
  get position(): number {
    if (!this.running) return this.from;
    const late = this.late("exit", MASTER) + this.ceilingLatency;
    return this.from + Math.max(0, this.context.currentTime - this.startedAt - late);
  }

  /** What a strip's meter reads: its sound after the fader. */
  analyser(stripId: string): AnalyserNode | undefined {
    return this.strips.get(stripId)?.output;
  }

  /** Where all that is heard leaves the mixer. */
  get end(): AudioNode {
    return this.strip(MASTER).output;
  }

  /** Take over the mix; what sounds goes on without a gap where it may. */
  update(mix: Mix): void {
    const before = this.mix;
    this.mix = mix;
    const known: Strip[] = [...before.channels, ...before.buses, before.master];
    const strips: Strip[] = [...mix.channels, ...mix.buses, mix.master];
    const shifted = this.align();
    this.spaces.want(strips.flatMap((strip) => spacesOf(this.insertsOf(strip))));
    const rebuilt = strips.filter((strip) => this.rebuild(strip));
    for (const strip of strips)
      if (!known.includes(strip) || !this.strips.has(strip.id) || rebuilt.includes(strip)) this.setStrip(strip);
    this.setWires();
    this.setCeiling();
    if (rebuilt.length || shifted) this.setKeys();
    for (const [id, nodes] of this.strips)
      if (!strips.some((strip) => strip.id === id)) {
        silence(nodes);
        nodes.inserts.clear();
        nodes.output.disconnect();
        this.strips.delete(id);
      }
    const moved = mix.channels.some((channel) => {
      const old = before.channels.find(({ id }) => id === channel.id);
      return old?.clips !== channel.clips || old.crossfade !== channel.crossfade;
    });
    if (this.running && (moved || shifted)) this.seek(this.position);
    else this.streams.fill();
  }

  play(): void {
    if (this.running) return;
    void this.context.resume();
    this.running = true;
    this.startedAt = this.context.currentTime + START_DELAY_SECONDS;
    const { channels, buses, master } = this.mix;
    const filled = [...channels, ...buses, master].filter((strip) => this.insertsOf(strip).length);
    // Effects begin with the song: what rang in them is over, and what swings in them is where it is in the render.
    for (const strip of filled) this.rebuild(strip, true);
    for (const strip of filled) this.setStrip(strip);
    this.setCeiling(true);
    if (filled.length) this.setKeys();
    for (const channel of channels) this.schedule(channel);
    this.followAutomation();
    this.streams.start();
  }

  pause(): void {
    this.from = this.position;
    this.running = false;
    this.streams.stop();
    for (const nodes of this.strips.values()) silence(nodes);
    this.followAutomation();
  }

  seek(seconds: number): void {
    const wasRunning = this.running;
    if (wasRunning) this.pause();
    this.from = Math.max(0, seconds);
    if (wasRunning) this.play();
    else {
      this.followAutomation();
      this.streams.fill();
    }
  }

  close(): void {
    this.pause();
    this.streams.close();
    this.spaces.close();
    void this.context.close();
  }

  private strip(id: string): StripNodes {
    const known = this.strips.get(id);
    if (known) return known;
    const nodes = makeStrip(this.context, this.spaces, id === MASTER);
    if (nodes.ceiling) this.ceiling = nodes.ceiling;
    this.strips.set(id, nodes);
    return nodes;
  }

  /** The kinds of effects that sound here. */
  private get kindsHeard(): readonly EffectKind[] {
    if (!this.hasEffects) return [];
    const { kinds } = this.mix;
    return this.spaces.failed ? kinds.filter(({ id }) => id !== CONVOLVED) : kinds;
  }

  /** The inserts of a strip that sound. */
  private insertsOf(strip: Strip): Insert[] {
    const { channels, buses } = this.mix;
    const keys = keysOf([strip], channels, buses);
    return heardInserts(strip.effects, this.kindsHeard).map((insert) => ({
      ...insert,
      sidechain: keys.find(({ effectId }) => effectId === insert.id)?.from ?? null,
    }));
  }

  /** How late everything is now; true where that changed. */
  private align(): boolean {
    const { channels, buses, master } = this.mix;
    const strips: Strip[] = [...channels, ...buses, master];
    const rate = this.context.sampleRate;
    const latencies = new Map(strips.map((strip) => [strip.id, latenciesOf(this.insertsOf(strip), rate)]));
    const before = this.alignment;
    this.alignment = aligned(latencies, wiresOf([...channels, ...buses]), this.sounding());
    return strips.some(
      ({ id }) =>
        (before.entry.get(id) ?? 0) !== this.alignment.entry.get(id) ||
        (before.exit.get(id) ?? 0) !== this.alignment.exit.get(id),
    );
  }

  /** What steers inserts that sound. */
  private sounding(): (Key & { insert: Insert })[] {
    const { channels, buses, master } = this.mix;
    return [...channels, ...buses, master].flatMap((strip) =>
      this.insertsOf(strip).flatMap((insert, place) =>
        insert.sidechain === null ? [] : [{ from: insert.sidechain, to: strip.id, place, insert }],
      ),
    );
  }

  /** Seconds that sound is late where it enters a strip, or leaves its effects. */
  private late(where: "entry" | "exit", id: string): number {
    return (this.alignment[where].get(id) ?? 0) / this.context.sampleRate;
  }

  /** Make a strip's inserts anew where they are others than they were; true where that was so. */
  private rebuild(strip: Strip, anyway = false): boolean {
    return this.make(this.strip(strip.id).inserts, this.insertsOf(strip), this.late("entry", strip.id), anyway);
  }

  private make(chain: InsertChain, inserts: readonly Insert[], late: number, anyway: boolean): boolean {
    const { tempo } = this.mix;
    if (!anyway && (inserts.length ? chain.isBuilt(inserts, tempo) : chain.isEmpty)) return false;
    const now = this.context.currentTime;
    const at = this.running ? Math.max(now, this.startedAt + late) : now;
    const begin: Begin = { at, from: this.running ? this.from + at - this.startedAt - late : this.from };
    chain.build(inserts, tempo, begin);
    return true;
  }

  /** What holds the ceiling at the end of the server's mixer, as far as it sounds here. */
  private get ceilingInserts(): Insert[] {
    const parameters = { ceiling_dbtp: this.mix.master.ceilingDbtp };
    return heardInserts([{ id: CEILING, type: LIMITER, parameters, bypass: false }], this.kindsHeard);
  }

  private get ceilingLatency(): number {
    const rate = this.context.sampleRate;
    return !this.ceiling || this.ceiling.isEmpty ? 0 : latencyOf(LIMITER, {}, rate) / rate;
  }

  private setCeiling(anyway = false): void {
    const chain = this.ceiling;
    if (!chain) return;
    this.make(chain, this.ceilingInserts, this.late("exit", MASTER), anyway);
    const parameters = chain.node(CEILING)?.parameters as ReadonlyMap<string, AudioParam> | undefined;
    const parameter = parameters?.get("ceiling_dbtp");
    const { ceilingDbtp } = this.mix.master;
    if (parameter && parameter.value !== Math.fround(ceilingDbtp))
      this.follow(parameter, undefined, ceilingDbtp, (value) => value, 0);
  }

  private setStrip(strip: Strip): void {
    const { fader, left, right, inserts } = this.strip(strip.id);
    const late = this.late("exit", strip.id);
    this.follow(fader.gain, laneOf(strip, "gain_db")?.points, gainFactor(strip.gainDb), movingFactor, late);
    const balance = laneOf(strip, "pan")?.points;
    const [atLeft, atRight] = balanceGains(strip.pan);
    this.follow(left.gain, balance, atLeft, (pan) => balanceGains(pan)[0], late);
    this.follow(right.gain, balance, atRight, (pan) => balanceGains(pan)[1], late);
    const rate = this.context.sampleRate;
    const sounding = this.insertsOf(strip);
    const latencies = latenciesOf(sounding, rate);
    let behind = this.late("entry", strip.id);
    for (const [place, { id, type, values }] of sounding.entries()) {
      const parameters = inserts.node(id)?.parameters as ReadonlyMap<string, AudioParam> | undefined;
      const own = latencies[place]! / rate;
      for (const name of movable(type)) {
        const parameter = parameters?.get(name);
        const points = laneOf(strip, `effects/${id}/${name}`)?.points;
        const rest = Number(values[name]);
        const wait = behind + lagOf(type, name, values, rate) / rate;
        if (parameter && (points || parameter.value !== Math.fround(rest)))
          this.follow(parameter, points, rest, (value) => value, wait);
      }
      behind += own;
    }
  }

  /** Lead what steers into the inserts that it steers. */
  private setKeys(): void {
    for (const { tap, wait } of this.keys.splice(0)) {
      tap.disconnect(wait);
      wait.disconnect();
    }
    for (const key of this.sounding()) {
      const node = this.strip(key.to).inserts.node(key.insert.id);
      if (!node) continue;
      const tap = this.strip(key.from).inserted;
      const wait = this.context.createDelay(LONGEST_WAIT_SECONDS);
      wait.delayTime.value = this.alignment.keyWaitOf(key) / this.context.sampleRate;
      tap.connect(wait).connect(node, 0, 1);
      this.keys.push({ tap, wait });
    }
  }

  private setWires(): void {
    const { channels, buses } = this.mix;
    const strips = [...channels, ...buses];
    const isCoded = (bus: Bus) => isRenderedAlone(bus.effects, this.kindsHeard);
    const audible = audibleWires(channels, buses);
    const wanted = new Map<string, Wire>(wiresOf(strips).map((wire) => [wireKey(wire), wire]));
    for (const [key, { from, gain, wait }] of this.wires)
      if (!wanted.has(key)) {
        from.disconnect(gain);
        gain.disconnect();
        wait.disconnect();
        this.wires.delete(key);
      }
    for (const [key, wire] of wanted) {
      const open = audible.has(key) && !(wire.kind === "send" && isCoded(buses.find(({ id }) => id === wire.to)!));
      const { gain, wait } = this.wire(key, wire);
      wait.delayTime.value = this.alignment.waitOf(wire) / this.context.sampleRate;
      const sender = strips.find(({ id }) => id === wire.from)!;
      const send = wire.kind === "send" ? sender.sends.find(({ to }) => to === wire.to) : undefined;
      const lane = open && send ? laneOf(sender, `sends/${wire.to}/gain_db`)?.points : undefined;
      const level = open ? (send ? gainFactor(send.gainDb) : 1) : 0;
      this.follow(gain.gain, lane, level, movingFactor, this.late("exit", wire.from));
    }
  }

  private wire(key: string, { from, to, preFader }: Wire): WireNodes {
    const known = this.wires.get(key);
    if (known) return known;
    const source = this.strip(from);
    const gain = this.context.createGain();
    gain.gain.value = 0;
    const tap = preFader ? source.inserted : source.output;
    const wait = this.context.createDelay(LONGEST_WAIT_SECONDS);
    tap.connect(gain).connect(wait).connect(this.strip(to).input);
    const nodes = { from: tap, gain, wait };
    this.wires.set(key, nodes);
    return nodes;
  }

  /** Let everything that moves start from where the song is now. */
  private followAutomation(): void {
    const { channels, buses, master } = this.mix;
    for (const strip of [...channels, ...buses, master]) if (strip.automation.length) this.setStrip(strip);
    if ([...channels, ...buses].some(({ automation }) => automation.length)) this.setWires();
  }

  /** Set a parameter: to its resting value, or along its lane from now on, `late` seconds behind the song. */
  private follow(
    parameter: AudioParam,
    points: readonly AutomationPoint[] | undefined,
    rest: number,
    factor: (value: number) => number,
    late: number,
  ): void {
    const now = this.context.currentTime;
    parameter.cancelScheduledValues(now);
    if (!points) parameter.setTargetAtTime(rest, now, GLIDE_SECONDS);
    else if (!this.running) parameter.setTargetAtTime(factor(valueAt(points, this.from)), now, GLIDE_SECONDS);
    else {
      const position = this.from + Math.max(0, now - this.startedAt - late);
      const begin = this.startedAt + late + position - this.from;
      for (const { time, value, jump } of linesOf(points, position)) {
        const at = begin + time - position;
        if (jump) parameter.setValueAtTime(factor(value), at);
        else parameter.linearRampToValueAtTime(factor(value), at);
      }
    }
  }

  private schedule(channel: Channel): void {
    const nodes = this.strip(channel.id);
    const key = sourceKey(channel);
    const buffer = this.buffers.get(key);
    const duration = buffer?.duration ?? this.streams.seconds(key);
    for (const clip of crossfaded(channel.clips, channel.crossfade)) {
      const skipped = Math.max(0, this.from - clip.start);
      // What repeats ends with the source at the latest, as on the server.
      const round = clip.loop ? Math.min(clip.loop, duration - clip.offset) : 0;
      if (clip.loop && round <= 0) continue;
      const length = round ? clip.length : Math.min(clip.length, duration - clip.offset);
      if (skipped >= length) continue;
      const begin = this.startedAt + this.late("entry", channel.id) + Math.max(0, clip.start - this.from);
      const [rising, falling] = [this.context.createGain(), this.context.createGain()];
      rising.connect(falling).connect(nodes.input);
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
      if (!buffer) {
        this.streams.add(clip, key, rising, nodes.sources, begin, skipped);
        nodes.fades.push(falling);
        continue;
      }
      const source = this.context.createBufferSource();
      source.buffer = buffer;
      source.connect(rising);
      if (round) {
        // Rounds are whole samples, as on the server: else they would drift apart.
        const whole = (seconds: number) => Math.round(seconds * buffer.sampleRate) / buffer.sampleRate;
        source.loop = true;
        source.loopStart = whole(clip.offset);
        source.loopEnd = source.loopStart + whole(round);
      }
      source.start(begin, clip.offset + (round ? skipped % round : skipped), length - skipped);
      nodes.sources.push(source);
    }
  }
}
