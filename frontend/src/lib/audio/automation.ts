/** How a parameter moves over time, with the curves of `services/processing/mixing/timeline/curve.py`. */
export const CURVES = ["linear", "exponential", "hold", "bezier"] as const;
export type AutomationCurve = (typeof CURVES)[number];

/** Control points (x1, y1, x2, y2) of a curve from (0,0) to (1,1), each 0…1. */
export type Bezier = readonly [number, number, number, number];

/** A value at a time, in seconds; `curve` leads to the next point, `bezier` belongs to the curve of that name. */
export type AutomationPoint = { time: number; value: number; curve: AutomationCurve; bezier?: Bezier };

/**
 * The movement of one parameter. `target` is "gain_db", "pan", "width", "effects/‹id of the effect›/‹parameter›" or
 * "sends/‹id of the bus›/gain_db": names that hold when effects and sends are moved about.
 */
export type Lane = { target: string; points: AutomationPoint[] };

/** A soft start and a soft end, as a first guess. */
export const EASE: Bezier = [0.42, 0, 0.58, 1];

/** The closest that two points may lie, in seconds. */
export const CLOSEST_SECONDS = 0.001;

/** As many points as the server takes in one lane. */
export const MOST_POINTS = 4096;

const HALVINGS = 60;

/** y of the cubic Bézier curve (0,0) (x1,y1) (x2,y2) (1,1) where its x is `wanted`: Newton's method, else bisection. */
export function bezierAt([x1, y1, x2, y2]: Bezier, wanted: number): number {
  let [low, high, t] = [0, 1, wanted];
  for (let turn = 0; turn < HALVINGS; turn += 1) {
    const s = 1 - t;
    const miss = 3 * s * s * t * x1 + 3 * s * t * t * x2 + t * t * t - wanted;
    if (Math.abs(miss) < 1e-14) break;
    if (miss > 0) high = t;
    else low = t;
    const slope = 3 * s * s * x1 + 6 * s * t * (x2 - x1) + 3 * t * t * (1 - x2);
    const next = slope > 1e-9 ? t - miss / slope : -1;
    t = low < next && next < high ? next : (low + high) / 2;
  }
  const s = 1 - t;
  return 3 * s * s * t * y1 + 3 * s * t * t * y2 + t * t * t;
}

/** Whether an exponential curve can lead from one value to another: neither is zero, both have the same sign. */
export function canBeExponential(from: number, to: number): boolean {
  return from * to > 0;
}

/** The value of moving points at a time; before the first and after the last it rests. */
export function valueAt(points: readonly AutomationPoint[], seconds: number): number {
  let [low, high] = [0, points.length - 1];
  if (seconds <= points[0]!.time) return points[0]!.value;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (points[middle]!.time <= seconds) low = middle;
    else high = middle - 1;
  }
  const from = points[low]!;
  const to = points[low + 1];
  if (!to) return from.value;
  const part = (seconds - from.time) / (to.time - from.time);
  if (from.curve === "hold") return from.value;
  if (from.curve === "exponential" && canBeExponential(from.value, to.value))
    return from.value * (to.value / from.value) ** part;
  const way = from.curve === "bezier" ? bezierAt(from.bezier ?? EASE, part) : part;
  return from.value + (to.value - from.value) * way;
}

/** Points in order, none at another's time, every curve one that the server can draw. */
export function settled(points: readonly AutomationPoint[]): AutomationPoint[] {
  const ordered = [...points].sort((a, b) => a.time - b.time);
  const kept = ordered.filter((point, at) => at === 0 || point.time - ordered[at - 1]!.time >= CLOSEST_SECONDS / 2);
  return kept.map((point, at) => {
    const next = kept[at + 1];
    const curve =
      point.curve === "exponential" && next && !canBeExponential(point.value, next.value) ? "linear" : point.curve;
    if (curve === "bezier") return { ...point, curve, bezier: point.bezier ?? EASE };
    return { time: point.time, value: point.value, curve };
  });
}

/** A new point; it goes on with the curve that it interrupts. One that is there already moves to the value. */
export function withPoint(points: readonly AutomationPoint[], time: number, value: number): AutomationPoint[] {
  const there = points.findIndex((point) => Math.abs(point.time - time) < CLOSEST_SECONDS);
  if (there >= 0) return withChange(points, there, { value });
  if (points.length >= MOST_POINTS) return [...points];
  const before = points.findLast((point) => point.time < time);
  return settled([...points, { time: Math.max(0, time), value, curve: before?.curve ?? "linear" }]);
}

/** A point changed in place: it stays between its neighbours in time. */
export function withChange(
  points: readonly AutomationPoint[],
  at: number,
  change: Partial<AutomationPoint>,
): AutomationPoint[] {
  const point = points[at];
  if (!point) return [...points];
  const first = at > 0 ? points[at - 1]!.time + CLOSEST_SECONDS : 0;
  const last = at + 1 < points.length ? points[at + 1]!.time - CLOSEST_SECONDS : Infinity;
  const time = Math.max(first, Math.min(last, change.time ?? point.time));
  return settled(points.map((other, place) => (place === at ? { ...other, ...change, time } : other)));
}

/** Without a point. */
export function withoutPoint(points: readonly AutomationPoint[], at: number): AutomationPoint[] {
  return settled(points.filter((_, place) => place !== at));
}

/** How closely moving curves are followed by straight lines, in seconds, and the most lines between two points. */
const LINE_SECONDS = 0.02;
const MOST_LINES = 4000;

/**
 * Places that straight lines join closely enough to be the curve, from `from` on; `jump` stands where the value leaps.
 * The first place is `from` itself.
 */
export function linesOf(
  points: readonly AutomationPoint[],
  from: number,
): { time: number; value: number; jump: boolean }[] {
  const lines = [{ time: from, value: valueAt(points, from), jump: true }];
  for (const [at, point] of points.entries()) {
    const next = points[at + 1];
    if (!next || next.time <= from) continue;
    const begin = Math.max(from, point.time);
    if (point.time > from) lines.push({ time: point.time, value: point.value, jump: false });
    if (point.curve === "hold") lines.push({ time: next.time, value: next.value, jump: true });
    else {
      const count = Math.max(1, Math.min(MOST_LINES, Math.ceil((next.time - begin) / LINE_SECONDS)));
      for (let line = 1; line < count; line += 1) {
        const time = begin + ((next.time - begin) * line) / count;
        lines.push({ time, value: valueAt(points, time), jump: false });
      }
      lines.push({ time: next.time, value: next.value, jump: false });
    }
  }
  return lines.filter((line, at) => at === 0 || line.time > lines[at - 1]!.time || line.jump);
}
