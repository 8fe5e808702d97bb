"use client";

import { lazy, Suspense, useEffect } from "react";
import { isTyping } from "@/lib/keyboard";
import { useFrame } from "@/stores/frame";
import { usePlayer } from "@/stores/player";

const Palette = lazy(() => import("./palette"));

/** Keys that work everywhere: space plays, ⌘K finds, j and k jump in the queue, m mutes. */
export function Shortcuts() {
  const { paletteOpen, openPalette } = useFrame();
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        openPalette();
        return;
      }
      if (event.defaultPrevented || event.metaKey || event.ctrlKey || event.altKey || isTyping(event.target)) return;
      const player = usePlayer.getState();
      if (!player.current()) return;
      const actions: Record<string, () => void> = {
        " ": () => player.toggle(),
        j: () => player.next(),
        k: () => player.previous(),
        m: () => player.toggleMute(),
        ArrowRight: () => player.seek(player.time + 5),
        ArrowLeft: () => player.seek(player.time - 5),
      };
      const action = actions[event.key];
      if (action) {
        event.preventDefault();
        action();
      }
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [openPalette]);
  return <Suspense>{paletteOpen && <Palette />}</Suspense>;
}
