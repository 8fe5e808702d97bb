"use client";

import { useEffect, useRef, useState } from "react";
import { useTranslations } from "use-intl";
import { LoudnessMeters } from "@/components/ui/loudness-meters";
import { PlayButton } from "@/components/ui/play-button";
import type { Track } from "@/lib/api/client";
import { loadEffects } from "@/lib/audio/inserts";
import { useMeters } from "@/lib/audio/meter";
import { loudness, signed } from "@/lib/format";
import { audioUrl } from "@/lib/music";
import { usePlayer } from "@/stores/player";

type Side = 0 | 1;
const SIDES = [0, 1] as const;
const GLIDE_SECONDS = 0.01;

/** Gains in dB that bring two recordings to the quieter one's loudness. */
export function levelled(beforeLufs: number, afterLufs: number): [number, number] {
  const quieter = Math.min(beforeLufs, afterLufs);
  return [quieter - beforeLufs, quieter - afterLufs];
}

/** What plays both recordings: an element each, what its meters read, and how loud it is heard. */
type Pair = {
  context: AudioContext;
  players: [HTMLAudioElement, HTMLAudioElement];
  sources: [AudioNode, AudioNode];
  faders: [GainNode, GainNode];
};

/** Both on one clock; made when somebody wants to hear them, since a browser gives sound to a click alone. */
function pairOf(before: Track, after: Track): Pair {
  const context = new AudioContext();
  const both = [before, after].map((track) => {
    // Not the MP3: its peaks are other ones than the master's.
    const player = new Audio(audioUrl(track.id, "flac"));
    player.preload = "auto";
    const source = context.createMediaElementSource(player);
    const fader = context.createGain();
    fader.gain.value = 0;
    source.connect(fader).connect(context.destination);
    return { player, source, fader };
  });
  const [first, second] = both as [(typeof both)[0], (typeof both)[0]];
  return {
    context,
    players: [first.player, second.player],
    sources: [first.source, second.source],
    faders: [first.fader, second.fader],
  };
}

/** Before and after in step, at equal loudness: louder alone must not win. The meters read each as it is. */
export function CompareMasters({ before, after }: { before: Track; after: Track }) {
  const t = useTranslations("master");
  const meters = useTranslations("meters");
  const pair = useRef<Pair | null>(null);
  const [side, setSide] = useState<Side>(1);
  const [playing, setPlaying] = useState(false);
  /** What the meters read; null until something plays, false where there are none. */
  const [measured, setMeasured] = useState<[AudioNode, AudioNode] | null | false>(null);
  const [first, second] = measured || [null, null];
  const shown = [useMeters(first, playing), useMeters(second, playing)] as const;
  const gainsDb = levelled(before.loudness_lufs, after.loudness_lufs);

  useEffect(
    () => () => {
      const made = pair.current;
      pair.current = null;
      setMeasured(null);
      setPlaying(false);
      for (const player of made?.players ?? []) player.pause();
      void made?.context.close();
    },
    [before.id, after.id],
  );

  const hear = (one: Side) => {
    const made = pair.current;
    if (!made) return;
    for (const at of SIDES) {
      const factor = at === one ? 10 ** (gainsDb[at] / 20) : 0;
      made.faders[at].gain.setTargetAtTime(factor, made.context.currentTime, GLIDE_SECONDS);
    }
  };

  const choose = (one: Side) => {
    const players = pair.current?.players;
    if (players && one !== side) {
      // The two may drift by a buffer; the one that comes in follows the one that was heard.
      const drift = players[one].currentTime - players[side].currentTime;
      if (Math.abs(drift) > 0.03) players[one].currentTime = players[side].currentTime;
    }
    hear(one);
    setSide(one);
  };

  const start = () => {
    if (pair.current) return pair.current;
    const made = pairOf(before, after);
    pair.current = made;
    for (const player of made.players) player.onended = () => setPlaying(false);
    void loadEffects(made.context).then((loaded) => {
      if (pair.current === made) setMeasured(loaded && made.sources);
    });
    return made;
  };

  const toggle = () => {
    const { context, players } = start();
    if (playing) {
      for (const player of players) player.pause();
      void context.suspend();
    } else {
      if (usePlayer.getState().playing) usePlayer.getState().toggle();
      void context.resume();
      hear(side);
      // Whoever pauses, or leaves, before a player has begun ends its wait: nothing is wrong then.
      for (const player of players) player.play().catch(() => setPlaying(!player.paused));
    }
    setPlaying(!playing);
  };

  return (
    <>
      <div className="flex items-center gap-3">
        <PlayButton label={playing ? t("pause") : t("compare")} playing={playing} onClick={toggle} />
        <div
          role="group"
          aria-label={t("compare")}
          className="grid flex-1 grid-cols-2 rounded-lg border border-line p-0.5"
        >
          {SIDES.map((at) => (
            <button
              key={at}
              type="button"
              aria-pressed={side === at}
              onClick={() => choose(at)}
              className={`tabular rounded-md px-2 py-1.5 text-sm font-semibold transition ${side === at ? "bg-raised text-ink" : "text-muted"}`}
            >
              {at === 0 ? t("before") : t("after")}
              <span className="block text-xs font-normal text-faint">
                {loudness((at === 0 ? before : after).loudness_lufs)}
              </span>
            </button>
          ))}
        </div>
      </div>
      {measured === false ? (
        <p className="mt-3 text-sm text-muted">{meters("missing")}</p>
      ) : (
        <LoudnessMeters shown={shown[side]} />
      )}
      <p className="tabular mt-2 text-sm text-muted">{t("matched", { level: signed(gainsDb[side]) })}</p>
    </>
  );
}
