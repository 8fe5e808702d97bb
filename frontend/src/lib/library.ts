import type { Track } from "./api/client";

export const SORTS = ["newest", "oldest", "title"] as const;
export type Sort = (typeof SORTS)[number];
export const VISIBILITIES = ["all", "public", "private"] as const;
export type Visibility = (typeof VISIBILITIES)[number];

/** Which part of the library, and in which order; what is left out is everything, newest first. */
export type Shelf = { project?: string; text?: string; tag?: string | null; sort?: Sort; visibility?: Visibility };

/** What one looks for on a shelf, and in which order it stands there. */
export type Narrowed = { text: string; tag: string | null; sort: Sort; visibility: Visibility };
export const EVERYTHING: Narrowed = { text: "", tag: null, sort: SORTS[0], visibility: VISIBILITIES[0] };

/** How many filters are on, besides the text. */
export function countFilters({ tag, sort, visibility }: Narrowed): number {
  return [tag !== EVERYTHING.tag, sort !== EVERYTHING.sort, visibility !== EVERYTHING.visibility].filter(Boolean)
    .length;
}

/** What the address line says of it; what it does not know counts as nothing said. */
export function readNarrowed(search: string): Narrowed {
  const said = new URLSearchParams(search);
  return {
    text: said.get("q") ?? "",
    tag: said.get("tag"),
    sort: SORTS.find((name) => name === said.get("sort")) ?? EVERYTHING.sort,
    visibility: VISIBILITIES.find((name) => name === said.get("visibility")) ?? EVERYTHING.visibility,
  };
}

/** The address line's query with what is looked for in it; what is left out is everything. */
export function narrowedAddress(search: string, { text, ...filters }: Narrowed): string {
  const said = new URLSearchParams(search);
  for (const [name, value] of Object.entries({ q: text || null, ...filters })) {
    const usual = name in EVERYTHING ? EVERYTHING[name as keyof Narrowed] : null;
    if (value === null || value === usual) said.delete(name);
    else said.set(name, value);
  }
  return said.size ? `?${said}` : "";
}

/** The longest text that the server searches for. */
const LONGEST_SEARCH = 200;

/** A shelf as the server is asked for it; nothing for the whole library. A text without words asks for nothing. */
export function askedOf({ project, text = "", tag, sort, visibility }: Shelf) {
  const words = text.trim().slice(0, LONGEST_SEARCH);
  return {
    ...(project ? { project_id: project } : {}),
    ...(/[\p{L}\p{N}]/u.test(words) ? { q: words } : {}),
    ...(tag ? { tag: [tag] } : {}),
    ...(sort && sort !== "newest" ? { sort } : {}),
    ...(visibility && visibility !== "all" ? { public: visibility === "public" } : {}),
  };
}

/** The tags that most tracks wear, most frequent first. */
export function frequentTags(tracks: readonly Track[], most: number): string[] {
  const counts = new Map<string, number>();
  for (const track of tracks) for (const tag of new Set(track.tags)) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  return [...counts]
    .sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]))
    .slice(0, most)
    .map(([tag]) => tag);
}

/** Tags as they are typed: "lo-fi, Rain , rain" → ["lo-fi", "rain"]. */
export function readTags(text: string): string[] {
  const tags = text
    .split(",")
    .map((tag) => tag.trim().toLowerCase().slice(0, 50))
    .filter(Boolean);
  return [...new Set(tags)].slice(0, 30);
}
