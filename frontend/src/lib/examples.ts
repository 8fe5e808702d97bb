"use client";

import { useQuery } from "@tanstack/react-query";
import type { Playable } from "@/stores/player";

/** Songs that ship with the studio; the platform's own composer made them (scripts/make_examples.py). */
export const EXAMPLES = [
  { id: "example-lofi", prompt: "rainy-night lofi, dusty piano, 80 bpm", key: "lofi" },
  { id: "example-bossa", prompt: "bossa nova on a warm terrace, nylon guitar and flute", key: "bossa" },
  { id: "example-epic", prompt: "epic orchestra, strings rising to a triumphant brass theme", key: "epic" },
] as const;

export const EXAMPLE_SECONDS = 24;

export type ExamplePeaks = { mix: Float32Array; stems: { name: string; peaks: Float32Array }[] };

type Stored = Record<string, { mix: number[]; stems: Record<string, number[]> }>;

/** Peaks of one example, of the whole and of each stem. */
export function useExamplePeaks(id: string | undefined): ExamplePeaks | undefined {
  const query = useQuery({
    queryKey: ["examples"],
    enabled: Boolean(id),
    staleTime: Infinity,
    queryFn: async (): Promise<Record<string, ExamplePeaks>> => {
      const stored = (await (await fetch("/examples/peaks.json")).json()) as Stored;
      return Object.fromEntries(
        Object.entries(stored).map(([name, { mix, stems }]) => [
          name,
          {
            mix: Float32Array.from(mix, (value) => value / 255),
            stems: Object.entries(stems).map(([stem, peaks]) => ({
              name: stem,
              peaks: Float32Array.from(peaks, (value) => value / 255),
            })),
          },
        ]),
      );
    },
  });
  return id ? query.data?.[id] : undefined;
}

/** An example as something that can be put on. */
export function playableExample(example: (typeof EXAMPLES)[number]): Playable {
  return {
    id: example.id,
    title: example.prompt,
    artist: "Music Gen AI",
    src: `/examples/${example.id}.mp3`,
    duration: EXAMPLE_SECONDS,
  };
}
