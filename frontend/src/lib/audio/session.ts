import type { Lane } from "./automation";

export type { Lane };

/** What the studio plays and the server renders: the part of a mix that both understand alike. */
export type FadeCurve = "linear" | "equal_power";
export type ClipFade = { seconds: number; curve: FadeCurve };

/**
 * A piece of a source: `start` and `length` in the song, `offset` in the source; seconds. With a `loop` so much of the
 * source, from `offset` on, comes again and again until the length is filled.
 */
export type Clip = {
  id: string;
  start: number;
  offset: number;
  length: number;
  loop?: number | null;
  fadeIn: ClipFade;
  fadeOut: ClipFade;
};

export type EffectSetting = {
  id: string;
  type: string;
  parameters: Record<string, number | string | boolean>;
  bypass: boolean;
  /** The strip whose sound steers it; without: its own. */
  sidechain?: string | null;
};

/** A copy of a strip's sound into a bus, after its fader unless `preFader`. */
export type Send = { to: string; gainDb: number; preFader: boolean };

/** What every strip of the mixer has, the master too. */
export type Strip = {
  id: string;
  name: string;
  gainDb: number;
  /** −1 left … +1 right. */
  pan: number;
  effects: EffectSetting[];
  automation: Lane[];
};

/** A strip that leads somewhere. */
type RoutedStrip = Strip & {
  mute: boolean;
  solo: boolean;
  sends: Send[];
  /** A bus's id, or the master. */
  output: string;
};

export type Channel = RoutedStrip & {
  trackId: string;
  /** Empty: the whole track. */
  stem: string;
  /** Seconds of the source. */
  sourceLength: number;
  /** How clips that overlap pass into one another; null: both sound. */
  crossfade: FadeCurve | null;
  clips: Clip[];
};

/** A strip that others feed. */
export type Bus = RoutedStrip;

/** The last strip; `ceilingDbtp` is what its limiter holds. */
export type Master = Strip & { ceilingDbtp: number };

/** Whether a strip plays clips; buses and the master only hear others. */
export function isChannel(strip: Channel | Bus | Master): strip is Channel {
  return "clips" in strip;
}

/** The id of the last strip: outputs that name it leave the mixer there. */
export const MASTER = "master";

/** Everything that undo brings back and a project keeps. */
export type Arrangement = { title: string; channels: Channel[]; buses: Bus[]; master: Master };

/** The part of something larger that is the arrangement. */
export function arrangementOf({ title, channels, buses, master }: Arrangement): Arrangement {
  return { title, channels, buses, master };
}

export const PLAIN_MASTER: Master = {
  id: MASTER,
  name: "",
  gainDb: 0,
  pan: 0,
  effects: [],
  automation: [],
  ceilingDbtp: -1,
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

/** The fade's gain at `x` (0…1 of its length): the server's curves. */
export function fadeGain(x: number, curve: FadeCurve): number {
  const inside = Math.min(1, Math.max(0, x));
  return curve === "linear" ? inside : Math.sin((Math.PI / 2) * inside);
}

/** Under which key a channel's audio is kept. */
export function sourceKey(channel: Pick<Channel, "trackId" | "stem">): string {
  return `${channel.trackId}/${channel.stem}`;
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

/** A moving parameter's points, or nothing where it rests. */
export function laneOf(strip: Pick<Strip, "automation">, target: string): Lane | undefined {
  return strip.automation.find((lane) => lane.target === target && lane.points.length > 0);
}
