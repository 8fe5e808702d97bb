import { PeakAccumulator } from "./peaks";
import { WavStreamReader } from "./wav-stream";

export const LIVE_BINS_PER_SECOND = 20;
/** How often the picture learns of new sound; it moves by itself in between. */
const GROWTH_MS = 120;

/**
 * Follow the sound of a take while it is made; `onGrowth` gets its peaks so far, a few times a second.
 * Resolves when the sound is whole or `signal` aborts; rejects when the stream cannot be had.
 */
export async function followPeaks(
  url: string,
  onGrowth: (peaks: Float32Array) => void,
  signal: AbortSignal,
): Promise<void> {
  const response = await fetch(url, { signal, credentials: "same-origin" });
  if (!response.ok || !response.body) throw new Error(`stream: ${response.status}`);
  let accumulator: PeakAccumulator | null = null;
  let channels = 2;
  const reader = new WavStreamReader(
    (format) => {
      channels = format.channels;
      accumulator = new PeakAccumulator(format.sampleRate, LIVE_BINS_PER_SECOND);
    },
    (samples) => accumulator?.push(samples, channels),
  );
  let scheduled = false;
  const show = () => {
    scheduled = false;
    if (accumulator && !signal.aborted) onGrowth(accumulator.peaks.slice());
  };
  const body = response.body.getReader();
  for (;;) {
    const { done, value } = await body.read();
    if (done) break;
    reader.push(value);
    if (!scheduled) {
      scheduled = true;
      setTimeout(show, GROWTH_MS);
    }
  }
  show();
}
