import { MASTER, PLAIN_MASTER, type Arrangement, type Bus, type Channel } from "./session";

export const KEPT_VERSION = 2;

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

/** A strip of an earlier version with what has been added since; links to buses that are gone are cut. */
function completed<Strip extends Channel | Bus>(strip: Strip, buses: readonly string[]): Strip {
  const sends = (strip.sends ?? []).filter(({ to }) => buses.includes(to));
  return {
    ...strip,
    effects: strip.effects ?? [],
    automation: strip.automation ?? [],
    sends,
    output: buses.includes(strip.output) ? strip.output : MASTER,
  };
}

/** What the browser keeps of a project; null when there is nothing usable. */
export function readKept(text: string | null): Arrangement | null {
  if (!text) return null;
  try {
    const kept = JSON.parse(text) as Partial<Arrangement> & { version: number };
    if (!isRecord(kept) || (kept.version !== 1 && kept.version !== KEPT_VERSION)) return null;
    if (!Array.isArray(kept.channels) || !kept.channels.length) return null;
    const buses = Array.isArray(kept.buses) ? kept.buses : [];
    const names = buses.map(({ id }) => id);
    return {
      title: String(kept.title),
      channels: kept.channels.map((channel) => ({
        ...completed(channel, names),
        // A project of the first version never crossfaded: it goes on to sound as it did.
        crossfade: channel.crossfade ?? null,
      })),
      buses: buses.map((bus) => completed(bus, names)),
      master: { ...PLAIN_MASTER, ...kept.master },
    };
  } catch {
    return null;
  }
}

/**
 * The mix on the server that a project is saved into: `base` is the version that it goes on from, `saved` the fingerprint
 * of how that one sounds here.
 */
export type MixLink = { id: string; base: number; saved: string };

/** The mix that a kept project belongs to; null when there is none. */
export function readKeptMix(text: string | null): MixLink | null {
  if (!text) return null;
  try {
    const { mix } = JSON.parse(text) as { mix?: Partial<MixLink> | null };
    if (!isRecord(mix) || typeof mix.id !== "string" || !Number.isInteger(mix.base)) return null;
    return { id: mix.id, base: mix.base!, saved: String(mix.saved ?? "") };
  } catch {
    return null;
  }
}

/** What is kept, as text. */
export function keptText({ title, channels, buses, master }: Arrangement, mix: MixLink | null = null): string {
  return JSON.stringify({ version: KEPT_VERSION, title, channels, buses, master, ...(mix ? { mix } : {}) });
}
