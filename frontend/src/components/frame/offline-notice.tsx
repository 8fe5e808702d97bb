"use client";

import { WifiOff } from "lucide-react";
import { useSyncExternalStore } from "react";
import { useTranslations } from "use-intl";

function subscribe(changed: () => void): () => void {
  addEventListener("online", changed);
  addEventListener("offline", changed);
  return () => {
    removeEventListener("online", changed);
    removeEventListener("offline", changed);
  };
}

/** Says that the connection is gone, and that nothing is lost by it. */
export function OfflineNotice() {
  const t = useTranslations("frame");
  const online = useSyncExternalStore(
    subscribe,
    () => navigator.onLine,
    () => true,
  );
  if (online) return null;
  return (
    <p role="status" className="flex items-center justify-center gap-2 bg-raised px-4 py-2 text-sm text-muted">
      <WifiOff size={15} aria-hidden />
      {t("offline")}
    </p>
  );
}
