"use client";

import { useQuery } from "@tanstack/react-query";
import type { WaveformLayer } from "@/components/ui/waveform";
import type { Track } from "@/lib/api/client";
import { peaksOf } from "@/lib/audio/peaks";
import { stemUrl } from "@/lib/music";
import { inMixerOrder, stemVariable } from "@/lib/stems";

/** Longer tracks are not taken apart for a picture: every stem has to be fetched for it. Seconds. */
const LONGEST_SECONDS = 150;
/** A picture needs no treble: stems are decoded at this rate, in hertz. */
const PICTURE_RATE = 8000;
const POINTS = 600;

/** The stems' peaks, for a waveform in their colours; nothing for long tracks, or while they load. */
export function useStemLayers(track: Track): WaveformLayer[] | undefined {
  return useQuery({
    queryKey: ["stem-layers", track.id],
    enabled: track.stems.length > 1 && track.duration <= LONGEST_SECONDS,
    staleTime: Infinity,
    retry: false,
    queryFn: async ({ signal }) => {
      const layers: WaveformLayer[] = [];
      for (const stem of inMixerOrder(track.stems)) {
        const response = await fetch(stemUrl(track.id, stem), { signal });
        if (!response.ok) throw new Error(`${stem}: ${response.status}`);
        const decoder = new OfflineAudioContext(1, 1, PICTURE_RATE);
        const audio = await decoder.decodeAudioData(await response.arrayBuffer());
        layers.push({ colour: stemVariable(stem), peaks: peaksOf(audio, POINTS) });
      }
      return layers;
    },
  }).data;
}
