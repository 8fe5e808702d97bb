"use client";

import { useMemo } from "react";
import { useTranslations } from "use-intl";
import { PlaySign } from "@/components/ui/play-button";
import { Waveform } from "@/components/ui/waveform";
import { engine } from "@/lib/audio/player-engine";
import { EXAMPLES, EXAMPLE_SECONDS, playableExample, useExamplePeaks } from "@/lib/examples";
import { inMixerOrder, stemVariable } from "@/lib/stems";
import { usePlayer } from "@/stores/player";
import { useQuoted } from "@/lib/use-quoted";

/** One example: the words that made it, and the music as its stems' colours. */
export function ExampleRecord({
  example,
  inviting,
}: {
  example: (typeof EXAMPLES)[number];
  /** Whether its button shines until something is on. */
  inviting: boolean;
}) {
  const t = useTranslations("landing");
  const quoted = useQuoted();
  const player = usePlayer();
  const peaks = useExamplePeaks(example.id);
  const isOn = player.current()?.id === example.id;
  const playing = isOn && player.playing;
  const layers = useMemo(
    () =>
      peaks &&
      inMixerOrder(peaks.stems.map((stem) => stem.name)).map((name) => ({
        colour: stemVariable(name),
        peaks: peaks.stems.find((stem) => stem.name === name)!.peaks,
      })),
    [peaks],
  );
  const toggle = () => {
    if (isOn) player.toggle();
    else
      player.play(
        EXAMPLES.map(playableExample),
        EXAMPLES.findIndex(({ id }) => id === example.id),
      );
  };
  return (
    <li className="group grid items-center gap-x-5 gap-y-3 border-t border-line py-5 last:border-b md:grid-cols-[auto_minmax(0,5fr)_minmax(0,6fr)] md:py-6 max-md:grid-cols-[auto_1fr]">
      <button
        type="button"
        onClick={toggle}
        aria-label={playing ? t("pause", { prompt: example.prompt }) : t("play", { prompt: example.prompt })}
        className={`grid size-14 place-items-center rounded-full transition ${
          playing || (inviting && !player.current())
            ? "making text-on-accent shadow-[0_6px_24px_-8px_var(--glow)]"
            : "bg-raised text-ink group-hover:bg-line"
        }`}
      >
        <PlaySign playing={playing} size={22} />
      </button>
      <p className="text-left text-[17px] font-medium leading-snug md:text-xl md:tracking-[-0.01em]">
        {quoted(example.prompt)}
      </p>
      <Waveform
        peaks={peaks?.mix ?? null}
        layers={layers}
        position={isOn && player.duration ? player.time / player.duration : 0}
        readPosition={() => engine.time / EXAMPLE_SECONDS}
        moving={playing}
        duration={EXAMPLE_SECONDS}
        label={t("seek", { prompt: example.prompt })}
        onSeek={(seconds) => {
          if (!isOn) toggle();
          player.seek(seconds);
        }}
        className="h-16 max-md:col-span-2 md:h-20"
      />
    </li>
  );
}
