"use client";

import { ChevronDown, Power, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslations } from "use-intl";
import { Dial } from "./dial";
import { ActionSelect } from "@/components/ui/action-select";
import { Button, IconButton } from "@/components/ui/button";
import { selectClass } from "@/components/ui/field";
import { CONVOLVED, isMatched } from "@/lib/audio/effects/kinds";
import { openKeys } from "@/lib/audio/routing";
import { isChannel, type Bus, type Channel, type EffectSetting, type Master } from "@/lib/audio/session";
import type { Strip } from "@/lib/audio/session";
import { spaceOf } from "@/lib/audio/spaces";
import { parameterText, toSlider, toValue } from "@/lib/parameters";
import { useEffectKinds, type EffectKind, type EffectParameter } from "@/lib/processing";
import { useOwnWords } from "@/lib/server-words";
import { useProblemText } from "@/lib/use-problem-text";
import { useStripName } from "./strip";
import { editStrip, removeEffect, useStudio } from "@/stores/studio";

/** A strip's inserts, with controls as the server describes them. */
export function EffectChain({ strip }: { strip: Channel | Bus | Master }) {
  const t = useTranslations("studio");
  const states = useTranslations("states");
  const text = useProblemText();
  const kinds = useEffectKinds();
  const effectsHeard = useStudio((studio) => studio.effectsHeard);
  const set = (kind: string, change: (effects: EffectSetting[]) => EffectSetting[]) =>
    editStrip(strip.id, kind, ({ effects }) => ({ effects: change(effects) }));
  const add = (type: string) => {
    const id = `${type}-${Date.now()}`;
    set(`add${id}`, (effects) => [...effects, { id, type, parameters: {}, bypass: false }]);
  };
  const groups = [...new Set((kinds.data ?? []).map((kind) => kind.group))];
  return (
    <div className="mt-7 border-t border-line pt-5" data-effects-heard={effectsHeard ?? undefined}>
      <div className="flex items-center gap-3">
        <h3 className="text-base">{t("effects")}</h3>
        <ActionSelect
          label={t("addEffect")}
          disabled={!kinds.data}
          onAction={add}
          className="ml-auto h-9 max-w-44 text-sm"
        >
          {groups.map((group) => (
            <optgroup key={group} label={group}>
              {kinds
                .data!.filter((kind) => kind.group === group)
                .map((kind) => (
                  <option key={kind.id} value={kind.id}>
                    {kind.title}
                  </option>
                ))}
            </optgroup>
          ))}
        </ActionSelect>
      </div>
      {kinds.error && !kinds.data && (
        <div role="alert" className="mt-2 flex items-center gap-3 text-[13px] text-bad">
          <span className="min-w-0 flex-1">{text(kinds.error)}</span>
          <Button size="small" onClick={() => void kinds.refetch()}>
            {states("again")}
          </Button>
        </div>
      )}
      <p className="mt-2 text-[13px] text-faint">{t(effectsHeard === false ? "effectsUnheard" : "effectsNote")}</p>
      <ul className="mt-3 flex flex-col gap-2">
        {strip.effects.map((effect) => (
          <EffectCard
            key={effect.id}
            effect={effect}
            kind={kinds.data?.find(({ id }) => id === effect.type)}
            strip={strip}
            onChange={(change) =>
              set(`effect${effect.id}`, (effects) =>
                effects.map((other) => (other.id === effect.id ? { ...other, ...change } : other)),
              )
            }
            onRemove={() => removeEffect(strip.id, effect.id)}
          />
        ))}
      </ul>
    </div>
  );
}

function EffectCard({
  effect,
  strip,
  kind,
  onChange,
  onRemove,
}: {
  effect: EffectSetting;
  strip: Channel | Bus | Master;
  kind: EffectKind | undefined;
  onChange: (change: Partial<EffectSetting>) => void;
  onRemove: () => void;
}) {
  const t = useTranslations("studio");
  const [open, setOpen] = useState(true);
  const effectsHeard = useStudio((studio) => studio.effectsHeard);
  const spaces = useStudio((studio) => studio.spaces);
  if (!kind) return null;
  const isConvolved = kind.id === CONVOLVED && !effect.bypass && effectsHeard !== false;
  const unheard = effectsHeard === false || !isMatched(kind.id) || (isConvolved && spaces === null);
  const values = Object.fromEntries(
    kind.parameters.map(({ name, default: rest }) => [name, effect.parameters[name] ?? rest]),
  );
  const isMade = !isConvolved || spaces === null || spaces.includes(spaceOf(values).key);
  const set = (name: string, value: number | string | boolean) =>
    onChange({ parameters: { ...effect.parameters, [name]: value } });
  return (
    <li
      data-space={isConvolved ? (isMade ? "made" : "coming") : undefined}
      className={`rounded-lg border border-line bg-ground px-3 py-2 ${effect.bypass ? "opacity-60" : ""}`}
    >
      <div className="flex items-center gap-1">
        <IconButton
          label={t("bypass", { name: kind.title })}
          size="small"
          pressed={!effect.bypass}
          onClick={() => onChange({ bypass: !effect.bypass })}
        >
          <Power size={15} />
        </IconButton>
        <button
          type="button"
          aria-expanded={open}
          title={kind.description}
          onClick={() => setOpen(!open)}
          className="flex min-w-0 flex-1 items-center gap-1.5 text-left font-semibold"
        >
          <span className="truncate">{kind.title}</span>
          <ChevronDown size={15} aria-hidden className={`text-faint transition ${open ? "rotate-180" : ""}`} />
        </button>
        <IconButton label={t("removeEffect", { name: kind.title })} size="small" onClick={onRemove}>
          <Trash2 size={15} />
        </IconButton>
      </div>
      {open && (
        <div className="pb-2">
          {unheard && <p className="mt-1 text-[13px] text-muted">{t("inBounceOnly")}</p>}
          {!isMade && (
            <p role="status" className="mt-1 text-[13px] text-muted">
              {t("spaceComing")}
            </p>
          )}
          {kind.sidechain && (
            <Steering
              strip={strip}
              value={effect.sidechain ?? ""}
              onChange={(source) => onChange({ sidechain: source || null })}
            />
          )}
          {kind.parameters.map((parameter) => (
            <Control
              key={parameter.name}
              parameter={parameter}
              strip={strip}
              target={`effects/${effect.id}/${parameter.name}`}
              value={effect.parameters[parameter.name] ?? parameter.default}
              onChange={(value) => set(parameter.name, value)}
            />
          ))}
        </div>
      )}
    </li>
  );
}

/** Whose level an effect follows: a kick that ducks a bass. */
function Steering({
  strip,
  value,
  onChange,
}: {
  strip: Channel | Bus | Master;
  value: string;
  onChange: (source: string) => void;
}) {
  const t = useTranslations("studio");
  const nameOf = useStripName();
  const { channels, buses } = useStudio();
  const sources = openKeys(strip.id, channels, buses);
  return (
    <label className="mt-3 flex items-center justify-between gap-3 text-sm">
      <span className="text-muted">{t("steeredBy")}</span>
      <select
        value={sources.some(({ id }) => id === value) ? value : ""}
        onChange={(event) => onChange(event.target.value)}
        className={`${selectClass} h-8 max-w-40 text-sm`}
      >
        <option value="">{t("ownSound")}</option>
        {sources.map((source) => (
          <option key={source.id} value={source.id} disabled={isChannel(source) && !source.clips.length}>
            {nameOf(source)}
          </option>
        ))}
      </select>
    </label>
  );
}

function Control({
  parameter,
  strip,
  target,
  value,
  onChange,
}: {
  parameter: EffectParameter;
  strip: Strip;
  target: string;
  value: number | string | boolean;
  onChange: (value: number | string | boolean) => void;
}) {
  const say = useOwnWords();
  if (parameter.kind === "number") {
    const number = Number(value);
    return (
      <Dial
        label={parameter.title}
        text={parameterText(parameter, number)}
        min={0}
        max={1}
        step={0.001}
        value={toSlider(parameter, number)}
        rest={toSlider(parameter, Number(parameter.default))}
        strip={strip}
        target={parameter.automatable ? target : undefined}
        onChange={(part) => onChange(toValue(parameter, part))}
      />
    );
  }
  if (parameter.kind === "switch")
    return (
      <label className="mt-3 flex items-center justify-between text-sm">
        <span className="text-muted">{parameter.title}</span>
        <input
          type="checkbox"
          checked={Boolean(value)}
          onChange={(event) => onChange(event.target.checked)}
          className="size-4 accent-[var(--coral)]"
        />
      </label>
    );
  return (
    <label className="mt-3 flex items-center justify-between gap-3 text-sm">
      <span className="text-muted">{parameter.title}</span>
      <select
        value={String(value)}
        onChange={(event) => onChange(event.target.value)}
        className={`${selectClass} h-8 text-sm`}
      >
        {(parameter.choices ?? []).map((choice) => (
          <option key={choice} value={choice}>
            {say(choice.replaceAll("_", " "), `choice.${choice}`)}
          </option>
        ))}
      </select>
    </label>
  );
}
