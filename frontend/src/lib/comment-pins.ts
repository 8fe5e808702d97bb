/** Somebody said something at a second of a track. */
type Said = { id: string; position: number | null };

/** What was said at about the same place of the waveform; `at` is where, 0…1. */
export type Pin<Comment extends Said> = { at: number; comments: Comment[] };

/** The least distance of two pins, in pixels: each can be hit with a finger (WCAG 2.2, 2.5.8). */
export const PIN_PIXELS = 28;

/** How long a comment is shown while the music passes it, in seconds. */
const SHOWN_SECONDS = 4;

/** Pins along a waveform that is `width` pixels wide; what would lie on another pin goes into it. */
export function pinsAlong<Comment extends Said>(
  comments: readonly Comment[],
  duration: number,
  width: number,
): Pin<Comment>[] {
  const pins: Pin<Comment>[] = [];
  if (!(duration > 0) || !(width > 0)) return pins;
  const placed = comments.filter(({ position }) => position !== null).sort((a, b) => a.position! - b.position!);
  // A pin is as wide as the distance that is kept: it stays within the waveform.
  const edge = Math.min(0.5, PIN_PIXELS / 2 / width);
  for (const comment of placed) {
    const at = Math.min(1 - edge, Math.max(edge, comment.position! / duration));
    const last = pins.at(-1);
    if (last && (at - last.at) * width < PIN_PIXELS - 0.5) last.comments.push(comment);
    else pins.push({ at, comments: [comment] });
  }
  return pins;
}

/** The comment that the music passes at `time`: the last one before it, for a while. */
export function passedAt<Comment extends Said>(comments: readonly Comment[], time: number): Comment | undefined {
  return comments.findLast(({ position }) => position !== null && position <= time && time - position < SHOWN_SECONDS);
}
