import { valueAt, type AutomationPoint } from "@/lib/audio/automation";

/** How finely a curve is drawn, in pixels, and the most lines between two points. */
const FINE_PIXELS = 3;
const MOST_LINES = 240;

/** Points as the path of an SVG, over the whole width; without points a line at the resting value. */
export function curvePath(
  points: readonly AutomationPoint[],
  scale: number,
  width: number,
  rest: number,
  yOf: (value: number) => number,
): string {
  const place = (x: number, value: number) => `${x.toFixed(1)} ${yOf(value).toFixed(1)}`;
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last) return `M0 ${yOf(rest).toFixed(1)}H${width.toFixed(1)}`;
  const path = [`M0 ${yOf(first.value).toFixed(1)}`, `L${place(first.time * scale, first.value)}`];
  for (const [at, point] of points.entries()) {
    const next = points[at + 1];
    if (!next) break;
    if (point.curve === "hold") path.push(`H${(next.time * scale).toFixed(1)}`);
    else {
      const lines = Math.min(MOST_LINES, Math.ceil(((next.time - point.time) * scale) / FINE_PIXELS));
      for (let line = 1; line < lines; line += 1) {
        const time = point.time + ((next.time - point.time) * line) / lines;
        path.push(`L${place(time * scale, valueAt(points, time))}`);
      }
    }
    path.push(`L${place(next.time * scale, next.value)}`);
  }
  path.push(`H${Math.max(width, last.time * scale).toFixed(1)}`);
  return path.join("");
}
