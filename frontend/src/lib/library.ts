import type { Track } from "./api/client";

/** Tracks that hold every word of `text` in their title, prompt, tags, model or key, and wear `tag` if there is one. */
export function filterTracks(tracks: readonly Track[], text: string, tag: string | null): Track[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return tracks.filter((track) => {
    if (tag && !track.tags.includes(tag)) return false;
    const about = [track.title, track.prompt, track.model, track.key ?? "", ...track.tags].join(" ").toLowerCase();
    return words.every((word) => about.includes(word));
  });
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
