import type { Track } from "./api/client";

/** As many parts as the studio opens beside each other. */
export const MOST_PARTS = 16;

/** What a track was taken apart into, the last time that it was: each part is a track of its own. */
export function partsOf(track: Pick<Track, "id">, versions: readonly Track[]): Track[] {
  const parts = versions.filter((other) => other.parent_id === track.id && other.relation === "stem");
  // The tree is told oldest first.
  const last = parts.at(-1)?.job_id;
  return parts.filter(({ job_id }) => job_id === last);
}

/** What a part is of the whole: "vocals". */
export function partName(part: Pick<Track, "title" | "spec">): string {
  const stem = (part.spec as Record<string, unknown> | null)?.stem;
  return typeof stem === "string" && stem ? stem : part.title;
}

/** Where the parts of a track stand beside each other, each on a channel. */
export function partsHref(id: string, parts: readonly string[]): string {
  return `/studio/?track=${encodeURIComponent(id)}&parts=${parts.map(encodeURIComponent).join(",")}`;
}

/** The parts that an address names. */
export function readParts(value: string | undefined): string[] {
  return [...new Set((value ?? "").split(",").filter(Boolean))].slice(0, MOST_PARTS);
}
