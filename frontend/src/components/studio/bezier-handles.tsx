"use client";

import { useState, type CSSProperties, type KeyboardEvent, type PointerEvent } from "react";
import { useTranslations } from "use-intl";
import { EASE, type AutomationPoint, type Bezier } from "@/lib/audio/automation";

const STEP = 0.05;
const within = (part: number) => Math.round(Math.min(1, Math.max(0, part)) * 1000) / 1000;

/** The two control points of a curve, to be pulled or moved with the arrow keys. */
export function BezierHandles({
  from,
  to,
  xOf,
  yOf,
  valueOf,
  colour,
  onChange,
}: {
  from: AutomationPoint;
  to: AutomationPoint;
  xOf: (time: number) => number;
  yOf: (value: number) => number;
  valueOf: (y: number) => number;
  colour: string;
  onChange: (bezier: Bezier) => void;
}) {
  const t = useTranslations("studio");
  const [held, setHeld] = useState<Bezier | null>(null);
  const now = held ?? from.bezier ?? EASE;
  const rise = to.value - from.value;
  const width = xOf(to.time) - xOf(from.time);
  const withHandle = (handle: 0 | 1, x: number, y: number): Bezier =>
    handle === 0 ? [within(x), within(y), now[2], now[3]] : [now[0], now[1], within(x), within(y)];
  const pulled = (event: PointerEvent<HTMLElement>, handle: 0 | 1): Bezier => {
    const box = event.currentTarget.closest("[data-lane]")!.getBoundingClientRect();
    const x = width > 0 ? (event.clientX - box.left - xOf(from.time)) / width : 0;
    const y = rise ? (valueOf(event.clientY - box.top) - from.value) / rise : now[handle === 0 ? 1 : 3];
    return withHandle(handle, x, y);
  };
  const onKey = (event: KeyboardEvent, handle: 0 | 1) => {
    const [x, y] = handle === 0 ? [now[0], now[1]] : [now[2], now[3]];
    const along = { ArrowLeft: -STEP, ArrowRight: STEP }[event.key] ?? 0;
    const up = ({ ArrowUp: STEP, ArrowDown: -STEP }[event.key] ?? 0) * (rise < 0 ? -1 : 1);
    if (!along && !up) return;
    event.preventDefault();
    event.stopPropagation();
    onChange(withHandle(handle, x + along, y + up));
  };
  return ([0, 1] as const).map((handle) => {
    const [x, y] = handle === 0 ? [now[0], now[1]] : [now[2], now[3]];
    return (
      <div
        key={handle}
        role="slider"
        tabIndex={0}
        aria-label={t("handle", { number: handle + 1 })}
        aria-valuemin={0}
        aria-valuemax={1}
        aria-valuenow={y}
        aria-valuetext={`${x.toFixed(2)}, ${y.toFixed(2)}`}
        onKeyDown={(event) => onKey(event, handle)}
        onPointerDown={(event) => {
          event.stopPropagation();
          event.currentTarget.setPointerCapture(event.pointerId);
          setHeld(now);
        }}
        onPointerMove={(event) => held && setHeld(pulled(event, handle))}
        onPointerUp={() => {
          if (held) onChange(held);
          setHeld(null);
        }}
        onPointerCancel={() => setHeld(null)}
        className="absolute size-6 -translate-1/2 cursor-move touch-none before:absolute before:inset-[7px] before:rotate-45 before:border-2 before:border-(--dot) before:bg-ground"
        style={
          {
            left: xOf(from.time) + x * width,
            top: yOf(from.value + rise * y),
            "--dot": colour,
          } as CSSProperties
        }
      />
    );
  });
}
