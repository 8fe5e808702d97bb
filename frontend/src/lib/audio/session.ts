/** What the studio plays and the server renders: the part of a mix that both understand alike. */
export type FadeCurve = "linear" | "equal_power";
export type ClipFade = { seconds: number; curve: FadeCurve };

/** A piece of a source: `start` in the song, `offset` and `length` in the source; seconds. */
export type Clip = {
  id: string;
  start: number;
  offset: number;
  length: number;
  fadeIn: ClipFade;
  fadeOut: ClipFade;
};

export type EffectSetting = {
  id: string;
  type: string;
  parameters: Record<string, number | string | boolean>;
  bypass: boolean;
};

export type Channel = {
  id: string;
  name: string;
  trackId: string;
  /** Empty: the whole track. */
  stem: string;
  /** Seconds of the source. */
  sourceLength: number;
  gainDb: number;
  /** −1 left … +1 right. */
  pan: number;
  mute: boolean;
  solo: boolean;
  effects: EffectSetting[];
  clips: Clip[];
};

export const LOWEST_GAIN_DB = -60;
export const HIGHEST_GAIN_DB = 12;

/** Gain as a factor; the fader's bottom is silence. */
export function gainFactor(gainDb: number): number {
  return gainDb <= LOWEST_GAIN_DB ? 0 : 10 ** (gainDb / 20);
}

/** Left and right gains of the server's "balance" law: the far side falls, the near side stays. */
export function balanceGains(pan: number): [number, number] {
  return [Math.min(1, 1 - pan), Math.min(1, 1 + pan)];
}

/** Whether a channel is heard: muted ones never, others while nothing else is soloed. */
export function isAudible(
  channel: Pick<Channel, "mute" | "solo">,
  channels: readonly Pick<Channel, "solo">[],
): boolean {
  return !channel.mute && (channel.solo || !channels.some((other) => other.solo));
}

/** The fade's gain at `x` (0…1 of its length): the server's curves. */
export function fadeGain(x: number, curve: FadeCurve): number {
  const inside = Math.min(1, Math.max(0, x));
  return curve === "linear" ? inside : Math.sin((Math.PI / 2) * inside);
}

/** Where the last clip ends, in seconds. */
export function songLength(channels: readonly Channel[]): number {
  return channels.reduce(
    (end, channel) => channel.clips.reduce((at, clip) => Math.max(at, clip.start + clip.length), end),
    0,
  );
}

/** The nearest line of a grid of `step` seconds; `step` 0 leaves the time alone. */
export function snapped(seconds: number, step: number): number {
  return step > 0 ? Math.round(seconds / step) * step : seconds;
}

const fade = ({ seconds, curve }: ClipFade) => (seconds > 0 ? { seconds, curve } : undefined);

/** The body of `POST /processing/mix`. */
export function mixRequest(title: string, channels: readonly Channel[], bpm: number | null): Record<string, unknown> {
  return {
    title: title || undefined,
    tempo: bpm && bpm >= 20 && bpm <= 400 ? bpm : undefined,
    tracks: channels.map((channel) => ({
      id: channel.id,
      name: channel.name,
      gain_db: Math.max(LOWEST_GAIN_DB, channel.gainDb),
      pan: channel.pan,
      mute: channel.mute || channel.gainDb <= LOWEST_GAIN_DB,
      solo: channel.solo,
      effects: channel.effects.map(({ type, parameters, bypass }) => ({ type, parameters, bypass })),
      clips: channel.clips.map((clip) => ({
        track_id: channel.trackId,
        stem: channel.stem || undefined,
        start: clip.start,
        offset: clip.offset,
        length: clip.length,
        fade_in: fade(clip.fadeIn),
        fade_out: fade(clip.fadeOut),
      })),
    })),
  };
}
