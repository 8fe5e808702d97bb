"use client";

import { Copy } from "lucide-react";
import { useTranslations } from "use-intl";
import { toast } from "sonner";
import { Button } from "./button";

/** Puts a text into the clipboard, and says so. */
export function CopyButton({ text, autoFocus }: { text: string; autoFocus?: boolean }) {
  const t = useTranslations("settings");
  return (
    <Button
      autoFocus={autoFocus}
      onClick={() =>
        // Without a secure origin there is no clipboard; what stands there can still be marked and copied.
        void (navigator.clipboard?.writeText(text) ?? Promise.reject(new Error("no clipboard"))).then(
          () => toast(t("copied")),
          () => toast.error(t("copyFailed")),
        )
      }
    >
      <Copy size={16} aria-hidden />
      {t("copy")}
    </Button>
  );
}
