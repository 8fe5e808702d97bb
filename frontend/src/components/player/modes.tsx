"use client";

import { Repeat, Repeat1, Shuffle } from "lucide-react";
import { useTranslations } from "use-intl";
import { IconButton } from "@/components/ui/button";
import { usePlayer } from "@/stores/player";

/** In which order the queue plays, and whether again. */
export function Modes({ className }: { className?: string }) {
  const t = useTranslations("player");
  const { shuffle, repeat, toggleShuffle, cycleRepeat } = usePlayer();
  return (
    <>
      <IconButton label={t("shuffle")} pressed={shuffle} onClick={toggleShuffle} className={className}>
        <Shuffle size={17} />
      </IconButton>
      <IconButton label={t(`repeat.${repeat}`)} pressed={repeat !== "off"} onClick={cycleRepeat} className={className}>
        {repeat === "one" ? <Repeat1 size={17} /> : <Repeat size={17} />}
      </IconButton>
    </>
  );
}
