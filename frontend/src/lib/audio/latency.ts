import type { Wire } from "./routing";

/** Sound that steers an effect: which one of the strip's own that sound. */
export type Key = { from: string; to: string; place: number };

/**
 * Whole samples: how late sound is where it enters a strip and where it leaves its last effect, and how long each wire
 * and key waits. Everything that meets anywhere has then waited equally long, as in the server's mixer.
 */
export type Alignment = {
  entry: ReadonlyMap<string, number>;
  exit: ReadonlyMap<string, number>;
  waitOf: (wire: Pick<Wire, "from" | "to">) => number;
  keyWaitOf: (key: Key) => number;
};

/** `latencies` holds that of each effect of each strip, in order; wires and keys hold no circle. */
export function aligned(
  latencies: ReadonlyMap<string, readonly number[]>,
  wires: readonly Pick<Wire, "from" | "to">[],
  keys: readonly Key[],
): Alignment {
  const entry = new Map<string, number>();
  const exit = new Map<string, number>();
  const sum = (numbers: readonly number[]) => numbers.reduce((all, number) => all + number, 0);
  const ahead = ({ to, place }: Key) => sum((latencies.get(to) ?? []).slice(0, place));
  const leaving = (id: string): number => {
    const known = exit.get(id);
    if (known !== undefined) return known;
    // A circle ends here, not the page; the server refuses it.
    exit.set(id, 0);
    const arrivals = wires.filter(({ to }) => to === id).map(({ from }) => leaving(from));
    // A key arrives at its effect, which the strip's own sound reaches later than its entry.
    const steering = keys.filter(({ to }) => to === id).map((key) => leaving(key.from) - ahead(key));
    const begin = Math.max(0, ...arrivals, ...steering);
    entry.set(id, begin);
    exit.set(id, begin + sum(latencies.get(id) ?? []));
    return exit.get(id)!;
  };
  for (const id of latencies.keys()) leaving(id);
  const at = (places: Map<string, number>, id: string) => places.get(id) ?? 0;
  return {
    entry,
    exit,
    waitOf: ({ from, to }) => Math.max(0, at(entry, to) - at(exit, from)),
    keyWaitOf: (key) => Math.max(0, at(entry, key.to) + ahead(key) - at(exit, key.from)),
  };
}
