"use client";

import { useEffect, useRef, useState } from "react";
import { mixTempo } from "@/lib/audio/mix-request";
import { Multitrack } from "@/lib/audio/multitrack";
import { peaksInParts, peaksOf } from "@/lib/audio/peaks";
import { isTooLong, PIECE_SECONDS, PiecedPeaks } from "@/lib/audio/pieces";
import { sourceKey, type Channel } from "@/lib/audio/session";
import { stemUrl, audioUrl, fetchWaveform, MOST_POINTS } from "@/lib/music";
import { useEffectKinds } from "@/lib/processing";
import { useStudio } from "@/stores/studio";

/** What the server takes for the tempo where nobody knows it. */
const DEFAULT_TEMPO = 120;

/** Peaks for each second of a source's picture. */
export const PEAKS_PER_SECOND = 60;

/** Shorter sources are held as a whole beside long ones: they are a few pieces anyway. */
const SHORT_SECONDS = 3 * PIECE_SECONDS;

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
  const pieced = useRef(new Map<string, PiecedPeaks>());
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
    const { signal } = controller;
    const sources = heardChannels().filter(
      (channel, at, all) => all.findIndex((other) => sourceKey(other) === sourceKey(channel)) === at,
    );
    const show = (key: string, peaks: Float32Array, done: boolean) =>
      setState((now) => ({ ...now, loaded: now.loaded + Number(done), peaks: { ...now.peaks, [key]: peaks } }));
    const urlOf = ({ trackId, stem }: Channel, format: string) =>
      stem ? stemUrl(trackId, stem, format) : audioUrl(trackId, format);
    const whole = async (channel: Channel) => {
      const key = sourceKey(channel);
      const buffer = await player.load(key, urlOf(channel, "flac"), signal);
      const peaks = await peaksInParts(buffer, Math.max(1, Math.ceil(buffer.duration * PEAKS_PER_SECOND)));
      if (signal.aborted) return;
      show(key, peaks, true);
      if (player.playing) player.seek(player.position);
    };
    const pictures = pieced.current;
    const inPieces = async (channel: Channel) => {
      const key = sourceKey(channel);
      const peaks = pictures.get(key) ?? new PiecedPeaks(channel.sourceLength, PEAKS_PER_SECOND);
      pictures.set(key, peaks);
      await player.loadInPieces(key, urlOf(channel, "wav"), signal);
      peaks.overview(await fetchWaveform(channel.trackId, channel.stem, MOST_POINTS, signal));
      if (!signal.aborted) show(key, peaks.all, true);
    };
    player.streams.onPiece = ({ key, index }, buffer) => {
      const peaks = pictures.get(key);
      if (!peaks || peaks.isFine(index)) return;
      peaks.piece(index, peaksOf(buffer, Math.max(1, Math.round(buffer.duration * PEAKS_PER_SECOND))));
      show(key, peaks.all, false);
    };
    player.streams.isSeen = ({ key, index }) => pictures.get(key)?.isFine(index) ?? false;
    setState((now) => ({ ...now, total: sources.length, loaded: 0, failed: false }));
    const tooLong = isTooLong(
      sources.map(({ sourceLength }) => sourceLength),
      player.context.sampleRate,
    );
    for (const channel of sources) {
      const load = tooLong && channel.sourceLength > SHORT_SECONDS ? inPieces : whole;
      void load(channel).catch(() => !signal.aborted && setState((now) => ({ ...now, failed: true })));
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
