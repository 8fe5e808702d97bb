"use client";

import { useState } from "react";
import { Cover } from "./cover";
import { withValue } from "@/lib/sharing";

/** Pixels a side that the server has pictures in. */
const SIZES = [160, 320, 640, 1280] as const;

/**
 * A track's picture as the server has it, in the size that is needed, fetched when it comes into view; drawn from `seed`
 * where there is none to be had. It fills a box that stands before it is there. `sizes` says how wide that is, as CSS.
 */
export function TrackCover({
  seed,
  src,
  sizes,
  alt = "",
  className = "",
}: {
  seed: string;
  src: string | undefined;
  sizes: string;
  /** Empty where the title stands beside it. */
  alt?: string;
  className?: string;
}) {
  const [missing, setMissing] = useState<string>();
  if (!src || missing === src) return <Cover seed={seed} className={className} />;
  return (
    <img
      loading="lazy"
      decoding="async"
      width={320}
      height={320}
      sizes={sizes}
      srcSet={SIZES.map((size) => `${withValue(src, "size", size)} ${size}w`).join(", ")}
      src={withValue(src, "size", 320)}
      alt={alt}
      draggable={false}
      onError={() => setMissing(src)}
      className={`rounded-lg bg-raised object-cover ${className}`}
    />
  );
}
