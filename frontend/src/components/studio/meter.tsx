"use client";

import { useEffect, useRef } from "react";
import { peakDb } from "@/lib/audio/strip-nodes";

const LOWEST_DB = -54;
const FALL_DB_PER_FRAME = 0.7;

/** A level that jumps up at once and falls slowly, as meters do (IEC 60268-10, type I in spirit). */
export function Meter({ analyser, label }: { analyser: AnalyserNode | undefined; label: string }) {
  const bar = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const samples = new Float32Array(analyser?.fftSize ?? 0);
    let shown = LOWEST_DB;
    let handle = 0;
    const measure = () => {
      const level = analyser ? peakDb(analyser, samples) : -Infinity;
      shown = Math.max(LOWEST_DB, level, shown - FALL_DB_PER_FRAME);
      const part = 1 - shown / LOWEST_DB;
      if (bar.current) bar.current.style.transform = `scaleY(${Math.max(0, Math.min(1.05, part))})`;
      handle = requestAnimationFrame(measure);
    };
    measure();
    return () => cancelAnimationFrame(handle);
  }, [analyser]);
  return (
    <div role="img" aria-label={label} className="h-full w-1.5 overflow-hidden rounded-full bg-sunken">
      <div
        ref={bar}
        className="size-full origin-bottom rounded-full bg-linear-to-t from-good via-amber to-coral"
        style={{ transform: "scaleY(0)" }}
      />
    </div>
  );
}
