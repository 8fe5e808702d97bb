"use client";

import { Plus, X } from "lucide-react";
import { useTranslations } from "use-intl";
import { Dial } from "./dial";
import { gainText } from "./strip";
import { ActionSelect } from "@/components/ui/action-select";
import { IconButton } from "@/components/ui/button";
import { selectClass } from "@/components/ui/field";
import { openBuses } from "@/lib/audio/routing";
import { HIGHEST_GAIN_DB, LOWEST_GAIN_DB, MASTER, type Bus, type Channel } from "@/lib/audio/session";
import { addBus, editRoute, editSend, useStudio } from "@/stores/studio";

const NEW_SEND = "new";

/** Where a strip leads: its output, and copies of it into buses. */
export function Routing({ strip }: { strip: Channel | Bus }) {
  const t = useTranslations("studio");
  const { channels, buses, select } = useStudio();
  const reachable = openBuses(strip.id, channels, buses);
  const free = reachable.filter(({ id }) => strip.output !== id && !strip.sends.some(({ to }) => to === id));
  const nameOf = (id: string) => buses.find((bus) => bus.id === id)?.name || id;
  const send = (to: string) => {
    const target = to === NEW_SEND ? addBus((number) => t("busName", { number })) : to;
    editSend(strip.id, target, {});
    select(strip.id);
  };
  return (
    <div className="mt-6 border-t border-line pt-4">
      {reachable.length > 0 && (
        <label className="flex items-center justify-between gap-3 text-sm">
          <span className="text-muted">{t("output")}</span>
          <select
            value={strip.output}
            onChange={(event) => editRoute(strip.id, "output", () => ({ output: event.target.value }))}
            className={`${selectClass} h-8 max-w-44 text-sm`}
          >
            <option value={MASTER}>{t("master")}</option>
            {reachable
              .filter(({ id }) => !strip.sends.some(({ to }) => to === id))
              .map(({ id }) => (
                <option key={id} value={id}>
                  {nameOf(id)}
                </option>
              ))}
          </select>
        </label>
      )}
      <div className="mt-3 flex items-center gap-3">
        <h3 className="text-base">{t("sends")}</h3>
        <label className="ml-auto flex items-center gap-1.5 text-muted">
          <Plus size={15} aria-hidden />
          <ActionSelect label={t("addSend")} onAction={send} className="h-9 max-w-40 text-sm">
            {free.map(({ id }) => (
              <option key={id} value={id}>
                {nameOf(id)}
              </option>
            ))}
            <option value={NEW_SEND}>{t("newBus")}</option>
          </ActionSelect>
        </label>
      </div>
      <ul>
        {strip.sends.map(({ to, gainDb, preFader }) => (
          <li key={to} className="mt-2 rounded-lg border border-line bg-ground px-3 pb-2">
            <Dial
              label={t("sendTo", { name: nameOf(to) })}
              text={gainText(gainDb)}
              min={LOWEST_GAIN_DB}
              max={HIGHEST_GAIN_DB}
              step={0.1}
              value={gainDb}
              rest={-12}
              strip={strip}
              target={`sends/${to}/gain_db`}
              onChange={(level) => editSend(strip.id, to, { gainDb: level })}
            />
            <div className="flex items-center justify-between">
              <label className="flex items-center gap-2 text-[13px] text-muted">
                <input
                  type="checkbox"
                  checked={preFader}
                  onChange={(event) => editSend(strip.id, to, { preFader: event.target.checked })}
                  className="size-4 accent-[var(--coral)]"
                />
                {t("preFader")}
              </label>
              <IconButton
                label={t("removeSend", { name: nameOf(to) })}
                size="small"
                className="-mr-1.5"
                onClick={() => editSend(strip.id, to, null)}
              >
                <X size={15} />
              </IconButton>
            </div>
          </li>
        ))}
      </ul>
    </div>
  );
}
