import type { Track } from "./api/client";

type Known = Pick<Track, "id" | "parent_id" | "created_at">;
export type Branch<T extends Known> = { track: T; branches: Branch<T>[] };

/**
 * Tracks as a tree by what each was made from, oldest first. What came from something that is not among them stands at the
 * root; a ring, which cannot be but would never end, is cut at its oldest.
 */
export function lineage<T extends Known>(tracks: readonly T[]): Branch<T>[] {
  const inTime = [...tracks].sort((a, b) => a.created_at.localeCompare(b.created_at) || a.id.localeCompare(b.id));
  const known = new Set(inTime.map(({ id }) => id));
  const placed = new Set<string>();
  const below = (parent: string): Branch<T>[] => grow(inTime.filter((track) => track.parent_id === parent));
  const grow = (level: readonly T[]): Branch<T>[] =>
    level.flatMap((track) => {
      if (placed.has(track.id)) return [];
      placed.add(track.id);
      return [{ track, branches: below(track.id) }];
    });
  const roots = grow(inTime.filter(({ parent_id: parent }) => !parent || !known.has(parent)));
  return [...roots, ...grow(inTime)];
}
