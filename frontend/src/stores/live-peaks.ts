import { create } from "zustand";
import { followPeaks } from "@/lib/audio/live-peaks";

/** Streams that are read for their picture at the same time; browsers open six connections to a server at most. */
const MOST_AT_ONCE = 2;

type LivePeaks = {
  peaks: Record<string, Float32Array>;
  /** Follow a take's sound until it is whole. Asking twice changes nothing. */
  follow: (jobId: string) => void;
  /** Stop following, for a take that was cancelled. */
  drop: (jobId: string) => void;
};

const running = new Map<string, AbortController>();

/** The waveforms of takes that are being made. */
export const useLivePeaks = create<LivePeaks>((set) => ({
  peaks: {},
  follow: (jobId) => {
    if (running.has(jobId) || running.size >= MOST_AT_ONCE) return;
    const controller = new AbortController();
    running.set(jobId, controller);
    const grow = (peaks: Float32Array) => set((state) => ({ peaks: { ...state.peaks, [jobId]: peaks } }));
    followPeaks(`/api/v1/stream/${encodeURIComponent(jobId)}?format=wav`, grow, controller.signal)
      // Only the picture is missing then; the next look at the job asks again.
      .catch(() => undefined)
      .finally(() => running.delete(jobId));
  },
  drop: (jobId) => {
    running.get(jobId)?.abort();
    running.delete(jobId);
  },
}));
