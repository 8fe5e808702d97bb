"use client";

import type { PointerEvent } from "react";
import type { View } from "./rows";

const CLOSEST_LABELS_PIXELS = 44;

/** Bars along the top; a press goes there. */
export function Ruler({
  beat,
  scale,
  length,
  view,
  onSeek,
}: {
  beat: number;
  scale: number;
  length: number;
  view: View;
  onSeek: (event: PointerEvent<HTMLElement>) => void;
}) {
  const bar = beat * 4;
  const every = [1, 2, 4, 8, 16, 32, 64].find((bars) => bars * bar * scale >= CLOSEST_LABELS_PIXELS) ?? 128;
  const apart = every * bar * scale;
  const first = Math.max(0, Math.floor(view.from / apart));
  const last = Math.min(Math.ceil(length / bar / every), Math.ceil(view.to / apart));
  return (
    <div
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        onSeek(event);
      }}
      onPointerMove={(event) => event.buttons === 1 && onSeek(event)}
      className="relative h-8 cursor-pointer select-none border-b border-line"
    >
      {Array.from({ length: Math.max(0, last - first) }, (_, seen) => first + seen).map((at) => (
        <span
          key={at}
          aria-hidden
          className="tabular absolute top-0 flex h-full items-center border-l border-line-strong pl-1.5 text-xs text-faint"
          style={{ left: at * apart }}
        >
          {at * every + 1}
        </span>
      ))}
    </div>
  );
}
