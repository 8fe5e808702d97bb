"use client";

import { Dices } from "lucide-react";
import { useTranslations } from "use-intl";
import { InstrumentPicker } from "./instrument-picker";
import { KeyFields } from "./key-fields";
import { Sources } from "./sources";
import { StructureEditor } from "./structure-editor";
import { IconButton } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import type { Model } from "@/lib/api/client";
import { useDraft } from "@/stores/draft";

/** Everything beyond the prompt that the chosen model takes. */
export default function Advanced({ model }: { model: Model | undefined }) {
  const t = useTranslations("advanced");
  const draft = useDraft();
  const takes = (name: string) => model?.parameters.includes(name) ?? false;
  return (
    <div className="appear grid gap-x-4 gap-y-5 border-t border-line p-5 sm:grid-cols-2 lg:grid-cols-4">
      {takes("bpm") && (
        <Field
          label={t("tempo")}
          inputMode="decimal"
          placeholder={t("auto")}
          value={draft.bpm}
          onChange={(event) => draft.change({ bpm: event.target.value })}
        >
          <span className="text-sm text-faint">bpm</span>
        </Field>
      )}
      {takes("key") && (
        <KeyFields tonic={draft.tonic} mode={draft.mode} onChange={(tonic, mode) => draft.change({ tonic, mode })} />
      )}
      <Field
        label={t("seed")}
        inputMode="numeric"
        placeholder={t("random")}
        value={draft.seed}
        onChange={(event) => draft.change({ seed: event.target.value.replace(/\D/g, "").slice(0, 15) })}
      >
        <IconButton
          label={t("rollSeed")}
          onClick={() => draft.change({ seed: String(Math.floor(Math.random() * 1e6)) })}
        >
          <Dices size={18} />
        </IconButton>
      </Field>
      <Field
        label={t("titleLabel")}
        placeholder={t("fromPrompt")}
        maxLength={200}
        value={draft.title}
        onChange={(event) => draft.change({ title: event.target.value })}
      />
      {takes("guidance_scale") && (
        <Field
          label={t("guidance")}
          hint={t("guidanceHint")}
          inputMode="decimal"
          placeholder="3"
          value={draft.guidance}
          onChange={(event) => draft.change({ guidance: event.target.value })}
        />
      )}
      {takes("temperature") && (
        <Field
          label={t("temperature")}
          hint={t("temperatureHint")}
          inputMode="decimal"
          placeholder="1"
          value={draft.temperature}
          onChange={(event) => draft.change({ temperature: event.target.value })}
        />
      )}
      {takes("negative_prompt") && (
        <div className="sm:col-span-2">
          <Field
            label={t("negative")}
            value={draft.negativePrompt}
            onChange={(event) => draft.change({ negativePrompt: event.target.value })}
          />
        </div>
      )}
      <Sources model={model} />
      {takes("spec") && (
        <div className="sm:col-span-2 lg:col-span-4">
          <InstrumentPicker chosen={draft.instruments} onChange={(instruments) => draft.change({ instruments })} />
        </div>
      )}
      {takes("structure") && (
        <div className="sm:col-span-2 lg:col-span-4">
          <StructureEditor sections={draft.structure} onChange={(structure) => draft.change({ structure })} />
        </div>
      )}
    </div>
  );
}
