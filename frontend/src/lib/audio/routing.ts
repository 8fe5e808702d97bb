import { MASTER, type Bus, type Channel, type Strip } from "./session";

type Routed = Pick<Channel, "id" | "mute" | "solo" | "sends" | "output" | "effects">;

/** Sound on its way from one strip to another: a strip's output, or the send to a bus. */
export type Wire = { from: string; to: string; kind: "output" | "send"; preFader: boolean };

/** A wire's name: a strip has one output, and one send to each bus. */
export function wireKey({ from, to, kind, preFader }: Wire): string {
  return [kind, from, to, preFader ? "pre" : "post"].join(" ");
}

/** Every output and send. */
export function wiresOf(strips: readonly Routed[]): Wire[] {
  return strips.flatMap((strip) => [
    { from: strip.id, to: strip.output, kind: "output" as const, preFader: false },
    ...strip.sends.map(({ to, preFader }) => ({ from: strip.id, to, kind: "send" as const, preFader })),
  ]);
}

/** A strip's sound on its way to an effect of another strip, which it steers. */
export type KeyWire = { from: string; to: string; effectId: string };

/** What steers the effects of strips. A channel without clips steers nothing: the server does not get it. */
export function keysOf(
  strips: readonly Pick<Strip, "id" | "effects">[],
  channels: readonly Channel[],
  buses: readonly Bus[],
): KeyWire[] {
  const sources = new Set([...channels.filter(({ clips }) => clips.length), ...buses].map(({ id }) => id));
  return strips.flatMap(({ id, effects }) =>
    effects.flatMap((effect) =>
      effect.sidechain && effect.sidechain !== id && sources.has(effect.sidechain)
        ? [{ from: effect.sidechain, to: id, effectId: effect.id }]
        : [],
    ),
  );
}

function flood(
  start: ReadonlySet<string>,
  wires: readonly Pick<Wire, "from" | "to">[],
  backwards: boolean,
): Set<string> {
  const found = new Set<string>();
  const open = [...start];
  for (let at = open.pop(); at !== undefined; at = open.pop())
    for (const wire of wires) {
      const [near, far] = backwards ? [wire.to, wire.from] : [wire.from, wire.to];
      if (near !== at || far === MASTER || found.has(far)) continue;
      found.add(far);
      open.push(far);
    }
  return found;
}

/**
 * What mute and solo leave of the wires, as the server's mixer has it: soloed strips and what they flow through are
 * heard, the rest only on its way to something soloed; buses stay open, so that a soloed voice keeps its reverb.
 */
export function audibleWires(channels: readonly Channel[], buses: readonly Bus[]): Set<string> {
  const strips: Routed[] = [...channels, ...buses];
  const wires = wiresOf(strips);
  const muted = new Set(strips.filter(({ mute }) => mute).map(({ id }) => id));
  // A channel without clips is not part of what the server is asked for: its solo silences nobody.
  const empty = new Set(channels.filter(({ clips }) => !clips.length).map(({ id }) => id));
  const soloed = new Set(strips.filter(({ id, solo }) => solo && !empty.has(id)).map(({ id }) => id));
  const safe = new Set(buses.map(({ id }) => id));
  const heard = new Set([...soloed, ...flood(soloed, wires, false)]);
  const wanted = new Set([...soloed, ...flood(soloed, wires, true)]);
  const passes = (wire: Wire) =>
    heard.has(wire.from) || wanted.has(wire.to) || (safe.has(wire.from) && !wanted.has(wire.from));
  return new Set(wires.filter((wire) => !muted.has(wire.from) && (!soloed.size || passes(wire))).map(wireKey));
}

/** Whether a strip is heard at all. */
export function isHeard(id: string, audible: ReadonlySet<string>): boolean {
  for (const key of audible) if (key.split(" ")[1] === id) return true;
  return false;
}

/** Whether sound that `from` gave to `to`, to be heard or to steer, would come back to `from`. */
export function wouldCircle(from: string, to: string, strips: readonly Routed[]): boolean {
  const steering = strips.flatMap(({ id, effects }) =>
    effects.flatMap(({ sidechain }) => (sidechain ? [{ from: sidechain, to: id }] : [])),
  );
  return from === to || flood(new Set([to]), [...wiresOf(strips), ...steering], false).has(from);
}

/** The strips whose sound may steer an effect of this one. */
export function openKeys(id: string, channels: readonly Channel[], buses: readonly Bus[]): (Channel | Bus)[] {
  const strips = [...channels, ...buses];
  return strips.filter((strip) => !wouldCircle(strip.id, id, strips));
}

/** The buses that a strip may feed. */
export function openBuses(id: string, channels: readonly Channel[], buses: readonly Bus[]): Bus[] {
  const strips = [...channels, ...buses];
  return buses.filter((bus) => !wouldCircle(id, bus.id, strips));
}
