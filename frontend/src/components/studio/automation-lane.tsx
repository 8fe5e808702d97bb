"use client";

import { useRef, useState, type KeyboardEvent, type PointerEvent } from "react";
import { useTranslations } from "use-intl";
import { BezierHandles } from "./bezier-handles";
import { curvePath } from "./curve-path";
import { LANE_ROW_HEIGHT } from "./rows";
import { useTargets } from "./use-targets";
import {
  CURVES,
  canBeExponential,
  withChange,
  withPoint,
  withoutPoint,
  type AutomationPoint,
} from "@/lib/audio/automation";
import { laneOf, snapped, type Strip } from "@/lib/audio/session";
import { timecode } from "@/lib/format";
import { parameterText, toSlider, toValue } from "@/lib/parameters";
import { editLane, useStudio } from "@/stores/studio";

/** Room above and below, so that a point at the edge can be taken hold of. */
const EDGE = 9;
const INNER = LANE_ROW_HEIGHT - 1 - 2 * EDGE;
const FREE_STEP_SECONDS = 0.1;
const VALUE_STEP = 0.01;
const LARGE_VALUE_STEP = 0.1;

/** A parameter's way through the song: press to set a point, pull it, or move it with the arrow keys. */
export function AutomationLane({
  strip,
  target,
  colour,
  scale,
  width,
  step,
  pencil,
}: {
  strip: Strip;
  target: string;
  colour: string;
  scale: number;
  width: number;
  step: number;
  pencil: boolean;
}) {
  const t = useTranslations("studio");
  const known = useTargets(strip).find(({ id }) => id === target);
  const { picked, pick, select } = useStudio();
  const [held, setHeld] = useState<AutomationPoint[] | null>(null);
  const from = useRef(-1);
  const kept = laneOf(strip, target)?.points ?? [];
  const points = held ?? kept;
  if (!known) return <div className="border-b border-line bg-sunken/60" style={{ height: LANE_ROW_HEIGHT }} />;

  const { parameter, rest } = known;
  const place = picked?.stripId === strip.id && picked.target === target ? picked.at : -1;
  const yOf = (value: number) => EDGE + (1 - toSlider(parameter, value)) * INNER;
  const at = (event: PointerEvent<HTMLElement>) => {
    const box = event.currentTarget.closest("[data-lane]")!.getBoundingClientRect();
    const part = 1 - (event.clientY - box.top - EDGE) / INNER;
    return {
      time: snapped(Math.max(0, (event.clientX - box.left) / scale), step),
      value: toValue(parameter, Math.min(1, Math.max(0, part))),
    };
  };
  const keep = (kind: string, after: AutomationPoint[]) => editLane(strip.id, target, kind, after);
  const pickAt = (index: number) => pick({ stripId: strip.id, target, at: index });
  const pulled = (event: PointerEvent<HTMLElement>, now: AutomationPoint[]) => {
    const { time, value } = at(event);
    if (!pencil) return withChange(now, from.current, { time, value });
    const drawn = withPoint(now, time, value);
    from.current = drawn.findIndex((point) => Math.abs(point.time - time) < 0.0015);
    return drawn;
  };
  const hold = (event: PointerEvent<HTMLElement>, index: number, begin: AutomationPoint[]) => {
    event.stopPropagation();
    event.currentTarget.setPointerCapture(event.pointerId);
    from.current = index;
    select(strip.id);
    pickAt(index);
    setHeld(begin);
  };
  const press = (event: PointerEvent<HTMLElement>) => {
    if (event.button !== 0) return;
    const { time, value } = at(event);
    const begin = withPoint(points, time, value);
    hold(
      event,
      begin.findIndex((point) => Math.abs(point.time - time) < 0.0015),
      begin,
    );
  };
  const letGo = (event: PointerEvent<HTMLElement>) => {
    event.stopPropagation();
    if (held && held !== kept) keep(`drag${Date.now()}`, held);
    setHeld(null);
  };
  const moving = {
    onPointerMove: (event: PointerEvent<HTMLElement>) => {
      if (!held) return;
      event.stopPropagation();
      setHeld(pulled(event, held));
    },
    onPointerUp: letGo,
    onPointerCancel: () => setHeld(null),
  };
  const remove = (index: number) => {
    keep(`remove${Date.now()}`, withoutPoint(kept, index));
    pick(null);
  };
  const onKey = (event: KeyboardEvent<HTMLElement>, index: number) => {
    const point = kept[index]!;
    const along = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const up = {
      ArrowUp: VALUE_STEP,
      ArrowDown: -VALUE_STEP,
      PageUp: LARGE_VALUE_STEP,
      PageDown: -LARGE_VALUE_STEP,
    }[event.key];
    if (along) keep("key", withChange(kept, index, { time: point.time + along * (step || FREE_STEP_SECONDS) }));
    else if (up)
      keep(
        "key",
        withChange(kept, index, {
          value: toValue(parameter, Math.min(1, Math.max(0, toSlider(parameter, point.value) + up))),
        }),
      );
    else if (event.key === "Delete" || event.key === "Backspace") {
      // The focus goes on to a neighbour, not to the top of the page.
      const lane = event.currentTarget.closest("[data-lane]");
      remove(index);
      requestAnimationFrame(() => {
        const left = lane?.querySelectorAll<HTMLElement>("[data-point]");
        (left?.[Math.min(index, left.length - 1)] ?? (lane as HTMLElement | null))?.focus();
      });
    } else if (event.key.toLowerCase() === "c") {
      const next = kept[index + 1];
      const open = CURVES.filter(
        (curve) => curve !== "exponential" || !next || canBeExponential(point.value, next.value),
      );
      const curve = open[(open.indexOf(point.curve) + 1) % open.length]!;
      keep("curve", withChange(kept, index, { curve }));
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div
      data-lane
      tabIndex={-1}
      role="group"
      aria-label={t("laneOf", { parameter: known.title, name: strip.name })}
      onPointerDown={press}
      {...moving}
      className={`relative touch-pan-x border-b border-line bg-sunken/60 ${pencil ? "cursor-cell" : "cursor-crosshair"}`}
      style={{ height: LANE_ROW_HEIGHT, width }}
    >
      <svg aria-hidden className="pointer-events-none absolute inset-0 size-full overflow-hidden">
        <line x1={0} x2={width} y1={yOf(rest)} y2={yOf(rest)} stroke="var(--line-strong)" strokeDasharray="2 5" />
        <path
          d={curvePath(points, scale, width, rest, yOf)}
          fill="none"
          stroke={colour}
          strokeWidth={2}
          strokeDasharray={points.length ? undefined : "4 4"}
          strokeLinejoin="round"
        />
      </svg>
      {points.map((point, index) => (
        <div
          key={index}
          data-point
          role="slider"
          tabIndex={0}
          aria-orientation="vertical"
          aria-label={t("point", { number: index + 1, parameter: known.title })}
          aria-valuemin={parameter.min}
          aria-valuemax={parameter.max}
          aria-valuenow={point.value}
          aria-valuetext={t("pointText", {
            value: parameterText(parameter, point.value),
            time: timecode(point.time),
            curve: t(`curves.${point.curve}`),
          })}
          title={`${parameterText(parameter, point.value)} · ${timecode(point.time)}`}
          onFocus={() => pickAt(index)}
          onKeyDown={(event) => onKey(event, index)}
          onDoubleClick={() => remove(index)}
          onPointerDown={(event) => event.button === 0 && hold(event, index, points)}
          {...moving}
          className={`absolute size-6 -translate-1/2 cursor-move touch-none rounded-full before:absolute before:inset-[6px] before:rounded-full before:border-2 before:border-ground ${index === place ? "before:bg-ink" : "before:bg-(--dot)"}`}
          style={{ left: point.time * scale, top: yOf(point.value), "--dot": colour } as React.CSSProperties}
        />
      ))}
      {points[place]?.curve === "bezier" && points[place + 1] && (
        <BezierHandles
          from={points[place]!}
          to={points[place + 1]!}
          xOf={(time) => time * scale}
          yOf={yOf}
          valueOf={(y) => toValue(parameter, Math.min(1, Math.max(0, 1 - (y - EDGE) / INNER)))}
          colour={colour}
          onChange={(bezier) => keep("bezier", withChange(kept, place, { bezier }))}
        />
      )}
    </div>
  );
}
