import { useMemo } from "react";
import { coverOf } from "@/lib/cover";

/** A track's picture, drawn from its own numbers: the same track always wears the same one. */
export function Cover({ seed, className = "" }: { seed: string; className?: string }) {
  const { ground, shapes } = useMemo(() => coverOf(seed), [seed]);
  return (
    <svg viewBox="0 0 96 96" aria-hidden preserveAspectRatio="xMidYMid slice" className={`rounded-lg ${className}`}>
      <rect width="96" height="96" fill={ground} />
      {shapes.map((shape, at) => (
        <path
          key={at}
          d={shape.d}
          fill={shape.filled ? shape.colour : "none"}
          stroke={shape.colour}
          strokeWidth={shape.stroke}
          strokeLinecap="round"
          opacity={shape.opacity}
        />
      ))}
    </svg>
  );
}
