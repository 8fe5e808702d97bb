"use client";

import { Toaster as Sonner } from "sonner";

/** Where short messages appear; above the player, out of the thumb's way. */
export default function Toaster() {
  return (
    <Sonner
      position="bottom-right"
      offset={{ bottom: 104, right: 16 }}
      mobileOffset={{ bottom: 140 }}
      style={{ fontFamily: "inherit" }}
      toastOptions={{
        unstyled: true,
        classNames: {
          toast: "panel shadow-float flex w-[min(92vw,360px)] items-center gap-3 bg-raised px-4 py-3 text-sm text-ink",
          content: "flex-1",
          description: "text-muted",
          actionButton: "rounded-md px-2 py-1 font-semibold text-accent hover:bg-line",
          error: "border-bad",
        },
      }}
    />
  );
}
