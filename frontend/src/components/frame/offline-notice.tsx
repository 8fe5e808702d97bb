"use client";

import { WifiOff } from "lucide-react";
import { useSyncExternalStore } from "react";
import { useTranslations } from "use-intl";
import { useSession } from "@/lib/session";
import { useFrame } from "@/stores/frame";

function subscribe(changed: () => void): () => void {
  addEventListener("online", changed);
  addEventListener("offline", changed);
  return () => {
    removeEventListener("online", changed);
    removeEventListener("offline", changed);
  };
}

/** Says that the connection or the server is gone, and that nothing is lost by it. */
export function OfflineNotice() {
  const t = useTranslations("frame");
  const online = useSyncExternalStore(
    subscribe,
    () => navigator.onLine,
    () => true,
  );
  const { unanswered } = useSession();
  const serverLost = useFrame((frame) => frame.serverLost) || unanswered;
  if (online && !serverLost) return null;
  return (
    <p role="status" className="flex items-center justify-center gap-2 bg-raised px-4 py-2 text-sm text-muted">
      <WifiOff size={15} aria-hidden className="shrink-0" />
      {online ? t("serverLost") : t("offline")}
    </p>
  );
}
