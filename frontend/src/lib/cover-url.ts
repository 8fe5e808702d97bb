import type { Track } from "./api/client";

/** Where a track's picture is: another address whenever the picture is another one, so that no cache shows an old one. */
export function coverUrl({ id, cover_version: version }: Pick<Track, "id" | "cover_version">): string {
  const path = `/api/v1/tracks/${encodeURIComponent(id)}/cover`;
  return version ? `${path}?version=${encodeURIComponent(version)}` : `${path}?drawn=true`;
}
