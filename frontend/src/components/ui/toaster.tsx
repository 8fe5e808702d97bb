"use client";

import { Toaster as Sonner } from "sonner";
import { useTranslations } from "use-intl";

/** Long enough to read two lines, and to reach for what takes something back. */
const STAYS_MS = 8000;

/** Where short messages appear: in a row of their own over the player, which `globals.css` puts into the page's flow. */
export default function Toaster() {
  const t = useTranslations("frame");
  return (
    <Sonner
      position="bottom-center"
      containerAriaLabel={t("messages")}
      duration={STAYS_MS}
      style={{ fontFamily: "inherit" }}
      toastOptions={{
        unstyled: true,
        classNames: {
          toast: "panel shadow-float flex w-full items-center gap-3 bg-raised px-4 py-3 text-sm text-ink",
          content: "flex-1",
          description: "text-muted",
          actionButton: "rounded-md px-2 py-1 touch:min-h-11 touch:px-3 font-semibold text-accent hover:bg-line",
          error: "border-bad",
        },
      }}
    />
  );
}
