"use client";

import { ListX, Pencil, Plus, X } from "lucide-react";
import { useTranslations } from "use-intl";
import { LANE_ROW_HEIGHT } from "./rows";
import { useTargets } from "./use-targets";
import { IconButton } from "@/components/ui/button";
import { CURVES, canBeExponential, withChange, withPoint, type AutomationCurve } from "@/lib/audio/automation";
import type { Multitrack } from "@/lib/audio/multitrack";
import { laneOf, type Strip } from "@/lib/audio/session";
import { editLane, useStudio } from "@/stores/studio";
import { valueAt } from "@/lib/audio/automation";

/** What a lane moves, and what can be done with its points. */
export function LaneHead({
  strip,
  target,
  engine,
  pencil,
  onPencil,
}: {
  strip: Strip;
  target: string;
  engine: Multitrack | null;
  pencil: boolean;
  onPencil: (pencil: boolean) => void;
}) {
  const t = useTranslations("studio");
  const targets = useTargets(strip);
  const { show, pick, picked, shown } = useStudio();
  const known = targets.find(({ id }) => id === target);
  const points = laneOf(strip, target)?.points ?? [];
  const place = picked?.stripId === strip.id && picked.target === target ? picked.at : -1;
  const point = points[place];
  const next = points[place + 1];
  const lanes = shown[strip.id] ?? [];
  const groups = [...new Set(targets.map(({ group }) => group))];
  const select =
    "h-7 min-w-0 rounded-md border border-line bg-ground px-1.5 text-[13px] font-medium disabled:opacity-40";
  // A lane is too low for what a finger is given elsewhere.
  const low = "size-7!";
  const addHere = () => {
    const time = engine?.position ?? 0;
    const after = withPoint(points, time, points.length ? valueAt(points, time) : (known?.rest ?? 0));
    editLane(strip.id, target, `add${time}`, after);
    pick({ stripId: strip.id, target, at: after.findIndex((other) => Math.abs(other.time - time) < 0.0015) });
  };
  return (
    <li
      className="flex flex-col justify-center gap-1 border-b border-line bg-sunken/60 py-1 pl-3 pr-1"
      style={{ height: LANE_ROW_HEIGHT }}
    >
      <div className="flex items-center gap-1">
        <select
          aria-label={t("lane")}
          value={target}
          onChange={(event) =>
            show(
              strip.id,
              lanes.map((lane) => (lane === target ? event.target.value : lane)),
            )
          }
          className={`${select} flex-1`}
        >
          {groups.map((group) => {
            const options = targets
              .filter((item) => item.group === group)
              .map((item) => (
                <option key={item.id} value={item.id}>
                  {item.title}
                  {laneOf(strip, item.id) ? " •" : ""}
                </option>
              ));
            return group ? (
              <optgroup key={group} label={group}>
                {options}
              </optgroup>
            ) : (
              options
            );
          })}
        </select>
        <IconButton
          label={t("hideLane")}
          size="small"
          className={low}
          onClick={() =>
            show(
              strip.id,
              lanes.filter((lane) => lane !== target),
            )
          }
        >
          <X size={14} />
        </IconButton>
      </div>
      <div className="flex items-center">
        <select
          aria-label={t("curve")}
          disabled={!point}
          value={point?.curve ?? "linear"}
          onChange={(event) =>
            editLane(
              strip.id,
              target,
              "curve",
              withChange(points, place, { curve: event.target.value as AutomationCurve }),
            )
          }
          className={`${select} w-24 max-md:w-14 max-md:appearance-none`}
        >
          {CURVES.map((curve) => (
            <option
              key={curve}
              value={curve}
              disabled={curve === "exponential" && Boolean(point && next && !canBeExponential(point.value, next.value))}
            >
              {t(`curves.${curve}`)}
            </option>
          ))}
        </select>
        <span className="ml-auto flex">
          <IconButton label={t("addPoint")} size="small" className={low} onClick={addHere}>
            <Plus size={15} />
          </IconButton>
          <IconButton
            label={t("pencil")}
            size="small"
            className={`${low} max-md:hidden`}
            pressed={pencil}
            onClick={() => onPencil(!pencil)}
          >
            <Pencil size={14} />
          </IconButton>
          <IconButton
            label={t("clearLane")}
            size="small"
            className={low}
            disabled={!points.length}
            onClick={() => {
              editLane(strip.id, target, `clear${Date.now()}`, []);
              pick(null);
            }}
          >
            <ListX size={15} />
          </IconButton>
        </span>
      </div>
    </li>
  );
}
