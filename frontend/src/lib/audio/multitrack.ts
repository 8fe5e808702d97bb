import { balanceGains, fadeGain, gainFactor, isAudible, type Channel, type Clip } from "./session";

type Strip = {
  input: GainNode;
  left: GainNode;
  right: GainNode;
  analyser: AnalyserNode;
  sources: AudioBufferSourceNode[];
};

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

/** A fade as a curve of gains, for `setValueCurveAtTime`; from `from` to `to` (0…1 of its length). */
function fadeCurve(clip: Clip, side: "fadeIn" | "fadeOut", from: number): Float32Array<ArrayBuffer> {
  const curve = new Float32Array(FADE_POINTS);
  for (let at = 0; at < FADE_POINTS; at += 1) {
    const x = from + ((1 - from) * at) / (FADE_POINTS - 1);
    curve[at] = fadeGain(side === "fadeIn" ? x : 1 - x, clip[side].curve);
  }
  return curve;
}

/**
 * Plays channels of decoded audio in step: clips, gain, balance, mute and solo, with the same arithmetic as the server's mixer.
 * Effects are the server's alone.
 */
export class Multitrack {
  readonly context: AudioContext;
  private readonly master: GainNode;
  readonly masterAnalyser: AnalyserNode;
  private readonly strips = new Map<string, Strip>();
  private readonly buffers = new Map<string, AudioBuffer>();
  private channels: readonly Channel[] = [];
  private startedAt = 0;
  private from = 0;
  private running = false;

  constructor() {
    this.context = new AudioContext();
    this.master = this.context.createGain();
    this.masterAnalyser = this.context.createAnalyser();
    this.masterAnalyser.fftSize = 2048;
    this.master.connect(this.masterAnalyser).connect(this.context.destination);
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

  analyser(channelId: string): AnalyserNode | undefined {
    return this.strips.get(channelId)?.analyser;
  }

  /** Take over faders, and clips when they changed; what sounds goes on without a gap where it may. */
  update(channels: readonly Channel[]): void {
    const before = this.channels;
    this.channels = channels;
    for (const channel of channels) this.setStrip(channel);
    for (const [id, strip] of this.strips) if (!channels.some((channel) => channel.id === id)) this.dispose(id, strip);
    const moved = channels.some((channel) => before.find((old) => old.id === channel.id)?.clips !== channel.clips);
    if (this.running && moved) this.seek(this.position);
  }

  play(): void {
    if (this.running) return;
    void this.context.resume();
    this.running = true;
    this.startedAt = this.context.currentTime + START_DELAY_SECONDS;
    for (const channel of this.channels) this.schedule(channel);
  }

  pause(): void {
    this.from = this.position;
    this.running = false;
    for (const strip of this.strips.values()) this.silence(strip);
  }

  seek(seconds: number): void {
    const wasRunning = this.running;
    if (wasRunning) this.pause();
    this.from = Math.max(0, seconds);
    if (wasRunning) this.play();
  }

  close(): void {
    this.pause();
    void this.context.close();
  }

  private strip(id: string): Strip {
    const known = this.strips.get(id);
    if (known) return known;
    const context = this.context;
    const input = context.createGain();
    input.channelCount = 2;
    input.channelCountMode = "explicit";
    const splitter = context.createChannelSplitter(2);
    const merger = context.createChannelMerger(2);
    const [left, right] = [context.createGain(), context.createGain()];
    const analyser = context.createAnalyser();
    analyser.fftSize = 1024;
    input.connect(splitter);
    splitter.connect(left, 0).connect(merger, 0, 0);
    splitter.connect(right, 1).connect(merger, 0, 1);
    merger.connect(analyser).connect(this.master);
    const strip = { input, left, right, analyser, sources: [] };
    this.strips.set(id, strip);
    return strip;
  }

  private setStrip(channel: Channel): void {
    const strip = this.strip(channel.id);
    const now = this.context.currentTime;
    const gain = isAudible(channel, this.channels) ? gainFactor(channel.gainDb) : 0;
    const [left, right] = balanceGains(channel.pan);
    strip.left.gain.setTargetAtTime(gain * left, now, GLIDE_SECONDS);
    strip.right.gain.setTargetAtTime(gain * right, now, GLIDE_SECONDS);
  }

  private schedule(channel: Channel): void {
    const strip = this.strip(channel.id);
    const buffer = this.buffers.get(sourceKey(channel));
    if (!buffer) return;
    for (const clip of channel.clips) {
      const skipped = Math.max(0, this.from - clip.start);
      const length = Math.min(clip.length, buffer.duration - clip.offset);
      if (skipped >= length) continue;
      const begin = this.startedAt + Math.max(0, clip.start - this.from);
      const source = this.context.createBufferSource();
      const envelope = this.context.createGain();
      source.buffer = buffer;
      source.connect(envelope).connect(strip.input);
      const { fadeIn, fadeOut } = clip;
      if (fadeIn.seconds > skipped) {
        const part = skipped / fadeIn.seconds;
        envelope.gain.setValueCurveAtTime(fadeCurve(clip, "fadeIn", part), begin, fadeIn.seconds - skipped);
      }
      const fadeOutAt = Math.max(length - fadeOut.seconds, fadeIn.seconds);
      const left = length - Math.max(fadeOutAt, skipped);
      if (fadeOut.seconds > 0 && left > 0.001) {
        const part = Math.max(0, (skipped - (length - fadeOut.seconds)) / fadeOut.seconds);
        envelope.gain.setValueCurveAtTime(
          fadeCurve(clip, "fadeOut", part),
          begin + Math.max(0, fadeOutAt - skipped) + 0.001,
          left - 0.001,
        );
      }
      source.start(begin, clip.offset + skipped, length - skipped);
      strip.sources.push(source);
    }
  }

  private silence(strip: Strip): void {
    for (const source of strip.sources) {
      source.stop();
      source.disconnect();
    }
    strip.sources = [];
  }

  private dispose(id: string, strip: Strip): void {
    this.silence(strip);
    strip.analyser.disconnect();
    this.strips.delete(id);
  }
}

/** Under which key a channel's audio is kept. */
export function sourceKey(channel: Pick<Channel, "trackId" | "stem">): string {
  return `${channel.trackId}/${channel.stem}`;
}
