"use client";

import { Share2 } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/ui/button";
import type { Track } from "@/lib/api/client";

const ShareDialog = lazy(() => import("./share-dialog"));

/** Opens the links of one of one's tracks. */
export function ShareButton({ track }: { track: Track }) {
  const t = useTranslations("share");
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button size="large" className="max-sm:px-4" aria-haspopup="dialog" onClick={() => setOpen(true)}>
        <Share2 size={17} aria-hidden />
        <span className="max-sm:sr-only">{t("open")}</span>
      </Button>
      {open && (
        <Suspense>
          <ShareDialog track={track} onClose={() => setOpen(false)} />
        </Suspense>
      )}
    </>
  );
}
