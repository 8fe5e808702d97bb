/** Fractions of a bar of four beats that the grid may have; 0 is free. */
export const GRIDS = [
  { name: "free", beats: 0 },
  { name: "1/16", beats: 0.25 },
  { name: "1/8", beats: 0.5 },
  { name: "1/4", beats: 1 },
  { name: "bar", beats: 4 },
] as const;
