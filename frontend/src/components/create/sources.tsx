"use client";

import { useTranslations } from "use-intl";
import { HeardSource } from "./heard-source";
import { TrackSelect } from "@/components/library/track-select";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import type { Model } from "@/lib/api/client";
import { useModels } from "@/lib/music";
import { useDraft } from "@/stores/draft";

/** What a take begins with beside words: a tune that it follows, a manner it is in, a track that it goes on from. */
export function Sources({ model }: { model: Model | undefined }) {
  const t = useTranslations("advanced");
  const draft = useDraft();
  const takes = (name: string) => model?.parameters.includes(name) ?? false;
  return (
    <>
      <div className="sm:col-span-2">
        {takes("melody_id") ? <HeardSource what="melody" /> : <Elsewhere what={t("melody")} parameter="melody_id" />}
      </div>
      {takes("style_id") && (
        <div className="sm:col-span-2">
          <HeardSource what="style" />
        </div>
      )}
      <div className="sm:col-span-2">
        {takes("continue_from_id") ? (
          <div className="grid grid-cols-[1fr_auto] gap-3">
            <TrackSelect
              label={t("continue")}
              none={t("noContinue")}
              value={draft.continueFromId}
              title={draft.continueFromTitle}
              onChange={(continueFromId, continueFromTitle, continueFromSeconds) =>
                draft.change({ continueFromId, continueFromTitle, continueFromSeconds })
              }
            />
            {takes("continue_at") && (
              <div className="w-28">
                <Field
                  label={t("continueAt")}
                  inputMode="decimal"
                  placeholder={t("itsEnd")}
                  disabled={!draft.continueFromId}
                  value={draft.continueAt}
                  onChange={(event) => draft.change({ continueAt: event.target.value })}
                >
                  <span className="text-sm text-faint">s</span>
                </Field>
              </div>
            )}
          </div>
        ) : (
          <Elsewhere what={t("continue")} parameter="continue_from_id" asked={draft.continueFromTitle} />
        )}
      </div>
    </>
  );
}

/** The chosen model does not take it: which ones do, and a way to the first that is here. */
function Elsewhere({ what, parameter, asked }: { what: string; parameter: string; asked?: string }) {
  const t = useTranslations("advanced");
  const models = useModels().data?.filter(({ parameters }) => parameters.includes(parameter)) ?? [];
  const change = useDraft((draft) => draft.change);
  const here = models.find(({ installed }) => installed);
  if (!models.length) return null;
  return (
    <div className="text-sm">
      <p className="font-medium text-muted">{asked ? `${what}: ${asked}` : what}</p>
      <p className="mt-1.5 text-faint">
        {here ? t("otherModel", { name: here.title }) : t("noModelHere", { name: models[0]!.title })}
      </p>
      {here && (
        <Button size="small" className="mt-2" onClick={() => change({ model: here.id })}>
          {t("useModel", { name: here.title })}
        </Button>
      )}
    </div>
  );
}
