import {
  MASTER,
  PLAIN_MASTER,
  snapped,
  type Arrangement,
  type Bus,
  type Channel,
  type Clip,
  type FadeCurve,
} from "./session";
import type { Track } from "@/lib/api/client";
import { inMixerOrder } from "@/lib/stems";

const NO_FADE = { seconds: 0, curve: "equal_power" } as const;

/** The shortest clip, and the shortest round of a loop, in seconds. */
export const SHORTEST_CLIP = 0.05;

/** The longest song that the server renders, in seconds. */
export const LONGEST_SONG = 7200;

/** Times that lie closer than this are one. */
const CLOSEST_SECONDS = 0.001;

/** A track's stems as channels, each with one clip over the whole length; a track without stems is one channel. */
export function channelsOf(track: Pick<Track, "id" | "stems" | "duration" | "title">): Channel[] {
  const names = track.stems.length ? inMixerOrder(track.stems) : [""];
  return names.map((stem, at) => ({
    id: stem ? `${stem}-${at + 1}` : "track-1",
    name: stem || track.title,
    trackId: track.id,
    stem,
    sourceLength: track.duration,
    gainDb: 0,
    pan: 0,
    mute: false,
    solo: false,
    effects: [],
    automation: [],
    sends: [],
    output: MASTER,
    crossfade: "equal_power",
    clips: [{ id: `c${at + 1}`, start: 0, offset: 0, length: track.duration, fadeIn: NO_FADE, fadeOut: NO_FADE }],
  }));
}

/** Parts of a track that are tracks of their own as a mix that nobody has touched: each is one channel. */
export function partsArrangement(
  title: string,
  parts: readonly (Pick<Track, "id" | "duration"> & { name: string })[],
): Arrangement {
  const order = inMixerOrder(parts.map(({ name }) => name));
  const sorted = [...parts].sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
  const channels = sorted.flatMap(({ id, duration, name }, at) =>
    channelsOf({ id, title: name, duration, stems: [] }).map((channel) => ({ ...channel, id: `part-${at + 1}` })),
  );
  return { title, channels, buses: [], master: PLAIN_MASTER };
}

/** A track as a mix that nobody has touched. */
export function freshArrangement(track: Pick<Track, "id" | "stems" | "duration" | "title">): Arrangement {
  return { title: track.title, channels: channelsOf(track), buses: [], master: PLAIN_MASTER };
}

/** Two clips that sound like the one, or the one when the time lies outside of it. */
export function splitClip(clip: Clip, seconds: number): Clip[] {
  const into = seconds - clip.start;
  if (into < SHORTEST_CLIP || into > clip.length - SHORTEST_CLIP) return [clip];
  const left: Clip = {
    ...clip,
    length: into,
    fadeOut: NO_FADE,
    fadeIn: { ...clip.fadeIn, seconds: Math.min(clip.fadeIn.seconds, into) },
  };
  const right: Clip = {
    ...clip,
    id: `${clip.id}-${Math.round(seconds * 1000)}`,
    start: seconds,
    offset: clip.offset + into,
    length: clip.length - into,
    fadeIn: NO_FADE,
    fadeOut: { ...clip.fadeOut, seconds: Math.min(clip.fadeOut.seconds, clip.length - into) },
  };
  if (!clip.loop) return [left, right];
  left.loop = loopOf(left);
  // A loop begins with its first sample: what is left of the round that was cut stands for itself.
  const within = into % clip.loop;
  const rest = within < CLOSEST_SECONDS || clip.loop - within < CLOSEST_SECONDS ? 0 : clip.loop - within;
  const again = { ...right, offset: clip.offset };
  if (!rest) return [left, { ...again, loop: loopOf(again) }];
  const whole = right.length - rest;
  if (whole < CLOSEST_SECONDS) return [left, { ...right, offset: clip.offset + within, loop: null }];
  const last: Clip = {
    ...again,
    id: `${right.id}-loop`,
    start: right.start + rest,
    length: whole,
    fadeOut: { ...right.fadeOut, seconds: Math.min(right.fadeOut.seconds, whole) },
  };
  return [
    left,
    { ...right, offset: clip.offset + within, length: rest, loop: null, fadeOut: NO_FADE },
    { ...last, loop: loopOf(last) },
  ];
}

/** The round of a clip that is longer than it; a clip within its first round does not repeat. */
function loopOf({ loop, length }: Clip): number | null {
  return loop && length > loop + CLOSEST_SECONDS ? loop : null;
}

/** A clip moved by `by` seconds, its start on the grid and never before the song's beginning. */
export function movedClip(clip: Clip, by: number, grid: number): Clip {
  return { ...clip, start: Math.max(0, snapped(clip.start + by, grid)) };
}

/**
 * A clip whose left or right edge was pulled by `by` seconds: within its source, or, where it loops, as far as one
 * likes to the right. The left edge of a loop moves where its rounds begin, within one round.
 */
export function trimmedClip(clip: Clip, edge: "left" | "right", by: number, grid: number, sourceLength: number): Clip {
  if (edge === "left") {
    const start = Math.max(clip.start - clip.offset, 0, snapped(clip.start + by, grid));
    const most = (clip.loop ? Math.min(clip.loop, clip.length) : clip.length) - SHORTEST_CLIP;
    const cut = Math.min(start - clip.start, most);
    const moved = { ...clip, start: clip.start + cut, offset: clip.offset + cut, length: clip.length - cut };
    return clip.loop ? { ...moved, loop: clip.loop - cut } : moved;
  }
  if (clip.loop) return loopedClip(clip, by, grid);
  const end = snapped(clip.start + clip.length + by, grid);
  const length = Math.min(Math.max(SHORTEST_CLIP, end - clip.start), sourceLength - clip.offset);
  return { ...clip, length };
}

/**
 * A clip that comes again and again until its right edge, which was pulled by `by` seconds: what it was until now is
 * one round. Pulled back into the first round it is a plain clip again.
 */
export function loopedClip(clip: Clip, by: number, grid: number): Clip {
  const round = clip.loop ?? clip.length;
  const end = snapped(clip.start + clip.length + by, grid);
  const length = Math.min(Math.max(SHORTEST_CLIP, end - clip.start), LONGEST_SONG - clip.start);
  return { ...clip, length, loop: loopOf({ ...clip, length, loop: round }) };
}

/** A looped clip with its first round alone. */
export function plainClip(clip: Clip): Clip {
  return { ...clip, length: clip.loop ?? clip.length, loop: null };
}

/** How long each round of a looped clip is, changed by `by` seconds within its source. */
export function roundedClip(clip: Clip, by: number, grid: number, sourceLength: number): Clip {
  const wanted = snapped((clip.loop ?? clip.length) + by, grid);
  const round = Math.min(Math.max(SHORTEST_CLIP, wanted), sourceLength - clip.offset);
  return { ...clip, loop: loopOf({ ...clip, loop: round }) };
}

/** Where in the source a place of a clip lies, both in seconds from the clip's own beginnings. */
export function sourcePlace(clip: Pick<Clip, "offset" | "loop">, seconds: number): number {
  return clip.offset + (clip.loop ? seconds % clip.loop : seconds);
}

/** The clip again, right behind itself. */
export function repeatedClip(clip: Clip): Clip {
  const start = clip.start + clip.length;
  return { ...clip, id: `${clip.id}-${Math.round(start * 1000)}`, start };
}

/** Clips that each have a name of their own. */
export function distinct(clips: readonly Clip[]): Clip[] {
  const taken = new Set<string>();
  return clips.map((clip) => {
    let id = clip.id;
    for (let number = 2; taken.has(id); number += 1) id = `${clip.id}.${number}`;
    taken.add(id);
    return id === clip.id ? clip : { ...clip, id };
  });
}

/** Clips with the fades that they sound with: where two overlap, the one fades out while the next fades in. */
export function crossfaded(clips: readonly Clip[], curve: FadeCurve | null): Clip[] {
  if (!curve) return [...clips];
  const ordered = clips.map((clip) => ({ ...clip })).sort((a, b) => a.start - b.start);
  for (const [at, late] of ordered.entries()) {
    const early = ordered[at - 1];
    if (!early) continue;
    const seconds = Math.min(early.start + early.length, late.start + late.length) - late.start;
    if (seconds <= 0) continue;
    if (!early.fadeOut.seconds) early.fadeOut = { seconds, curve };
    if (!late.fadeIn.seconds) late.fadeIn = { seconds, curve };
  }
  return clips.map((clip) => ordered.find(({ id }) => id === clip.id)!);
}

/** A bus of a name that nothing else has. */
export function newBus(taken: readonly string[], name: (number: number) => string): Bus {
  let number = 1;
  while (taken.includes(`bus-${number}`)) number += 1;
  return {
    id: `bus-${number}`,
    name: name(number),
    gainDb: 0,
    pan: 0,
    mute: false,
    solo: false,
    effects: [],
    automation: [],
    sends: [],
    output: MASTER,
  };
}
