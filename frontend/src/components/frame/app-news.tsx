"use client";

import { useEffect } from "react";
import { toast } from "sonner";
import { useTranslations } from "use-intl";
import { keepStudio } from "@/lib/app-worker";

/** Keeps the studio for times without a connection, and says when there is a newer one. */
export function AppNews() {
  const t = useTranslations("frame");
  useEffect(
    () =>
      keepStudio((take) =>
        toast(t("newStudio"), {
          id: "new-studio",
          duration: Infinity,
          closeButton: true,
          action: { label: t("loadNewStudio"), onClick: take },
        }),
      ),
    [t],
  );
  return null;
}
