"use client";

import { useEffect, useRef, useState } from "react";
import { mixTempo } from "@/lib/audio/mix-request";
import { Multitrack, sourceKey } from "@/lib/audio/multitrack";
import { peaksInParts } from "@/lib/audio/peaks";
import type { Channel } from "@/lib/audio/session";
import { stemUrl, audioUrl } from "@/lib/music";
import { useEffectKinds } from "@/lib/processing";
import { useStudio } from "@/stores/studio";

/** What the server takes for the tempo where nobody knows it. */
const DEFAULT_TEMPO = 120;

/** Peaks for each second of a source's picture. */
export const PEAKS_PER_SECOND = 60;

export type Loaded = {
  engine: Multitrack | null;
  peaks: Record<string, Float32Array>;
  loaded: number;
  total: number;
  failed: boolean;
};

/** The channels that sound: the arrangement's, or those of a version that is heard in its place. */
export function heardChannels(): Channel[] {
  const studio = useStudio.getState();
  return (studio.auditioned?.arrangement ?? studio).channels;
}

/** The engine behind the studio: fetches what the channels need, and follows them. */
export function useMultitrack(): Loaded {
  const { bpm, ...studio } = useStudio();
  // What is heard may be an older version; what is shown is always one's own.
  const { channels, buses, master } = studio.auditioned?.arrangement ?? studio;
  const kinds = useEffectKinds().data;
  const engine = useRef<Multitrack | null>(null);
  const [state, setState] = useState<Loaded>({ engine: null, peaks: {}, loaded: 0, total: 0, failed: false });

  useEffect(() => {
    const made = new Multitrack((spaces) => useStudio.setState({ spaces }));
    engine.current = made;
    setState((now) => ({ ...now, engine: made }));
    useStudio.setState({ spaces: [] });
    void made.effects.then((effectsHeard) => engine.current === made && useStudio.setState({ effectsHeard }));
    return () => {
      made.close();
      engine.current = null;
    };
  }, []);

  const wanted = [...new Set(channels.map(sourceKey))].join("|");
  useEffect(() => {
    const player = engine.current;
    if (!player || !wanted) return;
    const controller = new AbortController();
    const sources = heardChannels().filter(
      (channel, at, all) => all.findIndex((other) => sourceKey(other) === sourceKey(channel)) === at,
    );
    setState((now) => ({ ...now, total: sources.length, loaded: 0, failed: false }));
    for (const channel of sources) {
      const key = sourceKey(channel);
      const url = channel.stem ? stemUrl(channel.trackId, channel.stem, "flac") : audioUrl(channel.trackId, "flac");
      player
        .load(key, url, controller.signal)
        .then(async (buffer) => {
          const peaks = await peaksInParts(buffer, Math.max(1, Math.ceil(buffer.duration * PEAKS_PER_SECOND)));
          if (controller.signal.aborted) return;
          setState((now) => ({ ...now, loaded: now.loaded + 1, peaks: { ...now.peaks, [key]: peaks } }));
          if (player.playing) player.seek(player.position);
        })
        .catch(() => !controller.signal.aborted && setState((now) => ({ ...now, failed: true })));
    }
    return () => controller.abort();
  }, [wanted]);

  useEffect(
    () =>
      engine.current?.update({ channels, buses, master, kinds: kinds ?? [], tempo: mixTempo(bpm) ?? DEFAULT_TEMPO }),
    [channels, buses, master, kinds, bpm, state.engine],
  );
  return state;
}
