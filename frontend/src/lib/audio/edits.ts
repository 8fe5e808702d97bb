import type { Channel, Clip } from "./session";
import { snapped } from "./session";
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
    clips: [{ id: `c${at + 1}`, start: 0, offset: 0, length: track.duration, fadeIn: NO_FADE, fadeOut: NO_FADE }],
  }));
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
