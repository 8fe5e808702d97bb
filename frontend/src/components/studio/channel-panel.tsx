"use client";

import { Trash2 } from "lucide-react";
import { useTranslations } from "use-intl";
import { Dial } from "./dial";
import { EffectChain } from "./effect-chain";
import { Routing } from "./routing";
import { gainText, stripColour, usePanText, useStripName } from "./strip";
import { IconButton } from "@/components/ui/button";
import { LoudnessMeters } from "@/components/ui/loudness-meters";
import { inputClass, selectClass } from "@/components/ui/field";
import { useMeters } from "@/lib/audio/meter";
import type { Multitrack } from "@/lib/audio/multitrack";
import { HIGHEST_GAIN_DB, isChannel, LOWEST_GAIN_DB, type Bus, type Channel, type Master } from "@/lib/audio/session";
import { signed } from "@/lib/format";
import { editChannel, editStrip, removeBus, useStudio } from "@/stores/studio";

/** Everything about the selected strip. */
export function ChannelPanel({ engine, playing }: { engine: Multitrack | null; playing: boolean }) {
  const t = useTranslations("studio");
  const { channels, buses, master, selected } = useStudio();
  const strip = [...channels, ...buses, master].find(({ id }) => id === selected);
  return (
    <section aria-label={t("channel")}>
      {strip ? (
        <StripPanel key={strip.id} strip={strip} engine={engine} playing={playing} />
      ) : (
        <p className="p-6 text-muted">{t("chooseChannel")}</p>
      )}
    </section>
  );
}

function StripPanel({
  strip,
  engine,
  playing,
}: {
  strip: Channel | Bus | Master;
  engine: Multitrack | null;
  playing: boolean;
}) {
  const t = useTranslations("studio");
  const panText = usePanText();
  const name = useStripName()(strip);
  const isBus = "mute" in strip && !isChannel(strip);
  return (
    <div className="p-5">
      <div className="flex items-center gap-2.5">
        <span aria-hidden className="size-3 shrink-0 rounded-full" style={{ background: stripColour(strip) }} />
        <h2 className={isBus ? "sr-only" : "text-lg first-letter:uppercase"}>{name}</h2>
        {isBus && (
          <>
            <input
              aria-label={t("busTitle")}
              value={strip.name}
              maxLength={60}
              onChange={(event) => editStrip(strip.id, "name", () => ({ name: event.target.value }))}
              className={`${inputClass} h-9 min-w-0 flex-1 font-semibold`}
            />
            <IconButton label={t("removeBus", { name })} size="small" onClick={() => removeBus(strip.id)}>
              <Trash2 size={16} />
            </IconButton>
          </>
        )}
      </div>
      <Dial
        label={t("gain")}
        text={gainText(strip.gainDb)}
        min={LOWEST_GAIN_DB}
        max={HIGHEST_GAIN_DB}
        step={0.1}
        value={strip.gainDb}
        rest={0}
        strip={strip}
        target="gain_db"
        onChange={(gainDb) => editStrip(strip.id, "gain", () => ({ gainDb }))}
      />
      <Dial
        label={t("pan")}
        text={panText(strip.pan)}
        min={-1}
        max={1}
        step={0.01}
        value={strip.pan}
        rest={0}
        strip={strip}
        target="pan"
        onChange={(pan) => editStrip(strip.id, "pan", () => ({ pan }))}
      />
      {"ceilingDbtp" in strip && (
        <Dial
          label={t("ceiling")}
          text={`${signed(strip.ceilingDbtp)} dBTP`}
          min={-12}
          max={0}
          step={0.1}
          value={strip.ceilingDbtp}
          rest={-1}
          onChange={(ceilingDbtp) => editStrip(strip.id, "ceiling", () => ({ ceilingDbtp }) as Partial<Master>)}
        />
      )}
      {"ceilingDbtp" in strip && <MixMeters engine={engine} playing={playing} />}
      {isChannel(strip) && (
        <label className="mt-4 flex items-center justify-between gap-3 text-sm">
          <span className="text-muted">{t("crossfade")}</span>
          <select
            value={strip.crossfade ?? ""}
            onChange={(event) =>
              editChannel(strip.id, "crossfade", {
                crossfade: (event.target.value || null) as Channel["crossfade"],
              })
            }
            className={`${selectClass} h-8 text-sm`}
          >
            <option value="">{t("crossfades.off")}</option>
            <option value="linear">{t("crossfades.linear")}</option>
            <option value="equal_power">{t("crossfades.equalPower")}</option>
          </select>
        </label>
      )}
      {"mute" in strip && <Routing strip={strip} />}
      <EffectChain strip={strip} />
    </div>
  );
}

/** How loud the mix is, behind the limiter. */
function MixMeters({ engine, playing }: { engine: Multitrack | null; playing: boolean }) {
  const t = useTranslations("meters");
  const effectsHeard = useStudio((studio) => studio.effectsHeard);
  const shown = useMeters(effectsHeard && engine ? engine.end : null, playing);
  if (effectsHeard === false) return <p className="mt-4 text-sm text-muted">{t("missing")}</p>;
  return <LoudnessMeters shown={shown} />;
}
