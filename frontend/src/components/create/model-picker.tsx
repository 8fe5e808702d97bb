"use client";

import Link from "next/link";
import { Check, ChevronDown, CircleCheck, CircleSlash } from "lucide-react";
import { useTranslations } from "use-intl";
import { selectClass } from "@/components/ui/field";
import { Pop } from "@/components/ui/pop";
import type { Model } from "@/lib/api/client";
import { clock, fileSize, times } from "@/lib/format";
import { useSession } from "@/lib/session";

/** Which model plays, with what a musician has to know of it: may I sell it, is it here, how long, how large. */
export function ModelPicker({
  models,
  chosen,
  onChoose,
}: {
  models: Model[] | undefined;
  chosen: Model | undefined;
  onChoose: (id: string) => void;
}) {
  const t = useTranslations("models");
  const { user } = useSession();
  if (!models?.length) return null;
  const licence = chosen?.commercial_use ? t("sellShort") : t("noSellShort");
  return (
    <Pop
      label={t("choose", { name: chosen?.title ?? "", licence })}
      triggerClass={`${selectClass} flex items-center gap-2`}
      className="w-[min(94vw,440px)] p-2"
      trigger={
        <>
          {chosen?.title}{" "}
          <span
            className={`text-[13px] font-normal max-sm:hidden ${chosen?.commercial_use ? "text-good" : "text-faint"}`}
          >
            {licence}
          </span>
          <ChevronDown size={16} aria-hidden className="text-faint" />
        </>
      }
    >
      <p className="px-3 py-2 text-sm font-semibold text-muted">{t("title")}</p>
      <ul>
        {models.map((model) => (
          <li key={model.id}>
            <button
              type="button"
              data-close
              disabled={!model.installed}
              onClick={() => onChoose(model.id)}
              aria-current={model.id === chosen?.id ? "true" : undefined}
              className="w-full rounded-lg p-3 text-left transition enabled:hover:bg-raised"
            >
              <span className={`flex items-center gap-2 font-semibold ${model.installed ? "" : "text-muted"}`}>
                {model.title}
                {model.id === chosen?.id && <Check size={16} className="text-accent" aria-label={t("chosen")} />}
              </span>
              <span className="mt-1 line-clamp-3 block text-[13px] leading-snug text-muted">{model.description}</span>
              <span className="mt-2 flex flex-wrap gap-x-4 gap-y-1 text-[13px] text-faint">
                <span className={`flex items-center gap-1.5 ${model.commercial_use ? "text-good" : "text-bad"}`}>
                  {model.commercial_use ? <CircleCheck size={14} aria-hidden /> : <CircleSlash size={14} aria-hidden />}
                  {model.commercial_use ? t("sell") : t("noSell")}
                </span>
                <span>{model.installed ? t("here") : t("notHere")}</span>
                <span>{t("upTo", { length: clock(model.max_duration) })}</span>
                {model.real_time_factor ? <span>{t("speed", { times: times(model.real_time_factor) })}</span> : null}
                {model.size_bytes > 0 && <span>{fileSize(model.size_bytes)}</span>}
              </span>
              <span className="mt-1 block text-[13px] text-faint">{model.licence}</span>
            </button>
          </li>
        ))}
      </ul>
      {user?.role === "admin" && models.some((model) => model.can_pull) && (
        <Link prefetch={false} href="/admin/#models" className="block p-3 font-semibold text-accent hover:underline">
          {t("install")}
        </Link>
      )}
    </Pop>
  );
}
