/** Heights of the timeline's rows, in pixels: the strips on the left and what lies beside them have to agree. */
export const LANE_HEIGHT = 96;
export const BUS_HEIGHT = 76;
export const LANE_ROW_HEIGHT = 76;
export const RULER_HEIGHT = 32;

/** The part of the timeline that is drawn, in pixels from its beginning: what is in view and some more on both sides. */
export type View = { from: number; to: number };

const PAGE_PIXELS = 1000;

/** The part to draw where so much is in view; another one only after a good way. */
export function viewOf(scrolled: number, room: number): View {
  const page = Math.floor(scrolled / PAGE_PIXELS);
  const pages = Math.ceil(room / PAGE_PIXELS) + 2;
  return { from: Math.max(0, page - 1) * PAGE_PIXELS, to: (page + pages) * PAGE_PIXELS };
}

/** What of something that begins at `left` and is `width` wide lies in view, from its own left edge; null: nothing. */
export function inView(left: number, width: number, { from, to }: View): View | null {
  const [begin, end] = [Math.max(0, Math.floor(from - left)), Math.min(width, Math.ceil(to - left))];
  return begin < end ? { from: begin, to: end } : null;
}
