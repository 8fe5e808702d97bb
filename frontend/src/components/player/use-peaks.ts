"use client";

import { EXAMPLES, useExamplePeaks } from "@/lib/examples";
import { LIVE_BINS_PER_SECOND } from "@/lib/audio/live-peaks";
import { useWaveform } from "@/lib/music";
import { useLivePeaks } from "@/stores/live-peaks";
import type { Playable } from "@/stores/player";

/** The picture of whatever is on: `made` is the part of the whole that the peaks cover. */
export function usePeaks(item: Playable | undefined, points: number): { peaks: Float32Array | null; made: number } {
  const isExample = EXAMPLES.some((example) => example.id === item?.id);
  const live = useLivePeaks((state) => (item?.live ? state.peaks[item.id] : undefined));
  const stored = useWaveform(item && !item.live && !isExample ? item.id : undefined, points);
  const example = useExamplePeaks(isExample ? item?.id : undefined);
  if (example) return { peaks: example.mix, made: 1 };
  if (!item?.live) return { peaks: stored.data ?? null, made: 1 };
  const seconds = (live?.length ?? 0) / LIVE_BINS_PER_SECOND;
  return { peaks: live ?? null, made: Math.min(1, item.duration ? seconds / item.duration : 0) };
}
