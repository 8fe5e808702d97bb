"use client";

import type { PointerEvent } from "react";

const CLOSEST_LABELS_PIXELS = 44;

/** Bars along the top; a press goes there. */
export function Ruler({
  beat,
  scale,
  length,
  onSeek,
}: {
  beat: number;
  scale: number;
  length: number;
  onSeek: (event: PointerEvent<HTMLElement>) => void;
}) {
  const bar = beat * 4;
  const every = [1, 2, 4, 8, 16, 32, 64].find((bars) => bars * bar * scale >= CLOSEST_LABELS_PIXELS) ?? 128;
  const count = Math.ceil(length / bar / every);
  return (
    <div
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        onSeek(event);
      }}
      onPointerMove={(event) => event.buttons === 1 && onSeek(event)}
      className="relative h-8 cursor-pointer select-none border-b border-line"
    >
      {Array.from({ length: count }, (_, at) => (
        <span
          key={at}
          aria-hidden
          className="tabular absolute top-0 flex h-full items-center border-l border-line-strong pl-1.5 text-xs text-faint"
          style={{ left: at * every * bar * scale }}
        >
          {at * every + 1}
        </span>
      ))}
    </div>
  );
}
