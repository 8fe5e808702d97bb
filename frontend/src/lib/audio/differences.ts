import { mixRequest } from "./mix-request";
import type { Arrangement } from "./session";

/** One thing that differs; `from` and `to` where it is a number. */
export type Part = { what: (typeof PARTS)[number]; from?: number; to?: number };

/** What differs of one strip; the master has no name. */
export type Difference = { id: string; name: string; state: "added" | "removed" | "changed"; parts: Part[] };

/** Names of the catalogue's `studio.parts`. */
export const PARTS = [
  "name",
  "gain",
  "pan",
  "mute",
  "solo",
  "output",
  "sends",
  "effects",
  "automation",
  "crossfade",
  "clips",
  "ceiling",
] as const;

const FIELDS: Readonly<Record<(typeof PARTS)[number], string>> = {
  name: "name",
  gain: "gain_db",
  pan: "pan",
  mute: "mute",
  solo: "solo",
  output: "output",
  sends: "sends",
  effects: "effects",
  automation: "automation",
  crossfade: "crossfade",
  clips: "clips",
  ceiling: "ceiling_dbtp",
};

type Document = Readonly<Record<string, unknown>>;
type Named = Document & { id: string; name: string };

/** What the server is asked for, strip by strip: ids of clips and effects, which nobody hears, are not in it. */
function strips(arrangement: Arrangement): Named[] {
  const { tracks, buses, master } = mixRequest(arrangement, null);
  return [...tracks, ...buses, { ...master, id: "master", name: "" }];
}

const same = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other);

function partsOf(before: Document, after: Document): Part[] {
  return PARTS.flatMap((what): Part[] => {
    const [from, to] = [before[FIELDS[what]], after[FIELDS[what]]];
    if (same(from, to)) return [];
    return [typeof from === "number" && typeof to === "number" ? { what, from, to } : { what }];
  });
}

/** What has to change of one arrangement to become the other, in the order of the mixer. */
export function differencesOf(before: Arrangement, after: Arrangement): Difference[] {
  const [old, now] = [strips(before), strips(after)];
  const found = now.map(({ id, name, ...rest }): Difference => {
    const known = old.find((strip) => strip.id === id);
    if (!known) return { id, name, state: "added", parts: [] };
    return { id, name, state: "changed", parts: partsOf(known, { ...rest, id, name }) };
  });
  const gone = old.filter(({ id }) => !now.some((strip) => strip.id === id));
  return [
    ...found.filter(({ state, parts }) => state === "added" || parts.length),
    ...gone.map(({ id, name }): Difference => ({ id, name, state: "removed", parts: [] })),
  ];
}

/** A short name of how an arrangement sounds: another one where anything of it would be rendered otherwise. */
export function fingerprint(arrangement: Arrangement): string {
  const text = JSON.stringify(mixRequest({ ...arrangement, title: "" }, null));
  // FNV-1a (draft-eastlake-fnv, §2), 32 bits; with the length two mixes of one person do not meet by chance.
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return `${(hash >>> 0).toString(16)}-${text.length}`;
}
