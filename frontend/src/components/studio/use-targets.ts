"use client";

import { useMemo } from "react";
import { useTranslations } from "use-intl";
import { targetsOf, type Target } from "@/lib/audio/targets";
import type { Send, Strip } from "@/lib/audio/session";
import { useEffectKinds } from "@/lib/processing";
import { useStudio } from "@/stores/studio";

/** What of a strip can move, with names in the language of the page. */
export function useTargets(strip: Strip & { sends?: Send[] }): Target[] {
  const t = useTranslations("studio");
  const kinds = useEffectKinds(strip.effects.length > 0).data;
  const buses = useStudio((studio) => studio.buses);
  return useMemo(
    () =>
      targetsOf(strip, kinds ?? [], {
        gain: t("gain"),
        pan: t("pan"),
        busName: (id) => t("sendTo", { name: buses.find((bus) => bus.id === id)?.name ?? id }),
      }),
    [strip, kinds, buses, t],
  );
}
