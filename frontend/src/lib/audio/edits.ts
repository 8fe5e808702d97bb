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

/** The shortest clip, in seconds. */
export const SHORTEST_CLIP = 0.05;

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

/** A track as a mix that nobody has touched. */
export function freshArrangement(track: Pick<Track, "id" | "stems" | "duration" | "title">): Arrangement {
  return { title: track.title, channels: channelsOf(track), buses: [], master: PLAIN_MASTER };
}

/** Two clips that sound like the one, or the one when the time lies outside of it. */
export function splitClip(clip: Clip, seconds: number): Clip[] {
  const into = seconds - clip.start;
  if (into < SHORTEST_CLIP || into > clip.length - SHORTEST_CLIP) return [clip];
  return [
    {
      ...clip,
      length: into,
      fadeOut: NO_FADE,
      fadeIn: { ...clip.fadeIn, seconds: Math.min(clip.fadeIn.seconds, into) },
    },
    {
      ...clip,
      id: `${clip.id}-${Math.round(seconds * 1000)}`,
      start: seconds,
      offset: clip.offset + into,
      length: clip.length - into,
      fadeIn: NO_FADE,
      fadeOut: { ...clip.fadeOut, seconds: Math.min(clip.fadeOut.seconds, clip.length - into) },
    },
  ];
}

/** A clip moved by `by` seconds, its start on the grid and never before the song's beginning. */
export function movedClip(clip: Clip, by: number, grid: number): Clip {
  return { ...clip, start: Math.max(0, snapped(clip.start + by, grid)) };
}

/** A clip whose left or right edge was pulled by `by` seconds, within its source. */
export function trimmedClip(clip: Clip, edge: "left" | "right", by: number, grid: number, sourceLength: number): Clip {
  if (edge === "left") {
    const start = Math.max(clip.start - clip.offset, 0, snapped(clip.start + by, grid));
    const cut = Math.min(start - clip.start, clip.length - SHORTEST_CLIP);
    return { ...clip, start: clip.start + cut, offset: clip.offset + cut, length: clip.length - cut };
  }
  const end = snapped(clip.start + clip.length + by, grid);
  const length = Math.min(Math.max(SHORTEST_CLIP, end - clip.start), sourceLength - clip.offset);
  return { ...clip, length };
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
