"use client";

import { useTranslations } from "use-intl";
import { ButtonLink } from "@/components/ui/button";
import { Empty } from "@/components/ui/states";

/** A page that is not there, and the way back to one that is. */
export function Lost() {
  const t = useTranslations("frame");
  return (
    <Empty title={t("lostTitle")} action={<ButtonLink href="/create/">{t("lostAction")}</ButtonLink>}>
      {t("lostText")}
    </Empty>
  );
}
