/** One shape of a cover, as an SVG path in a square of 96. */
export type CoverShape = { d: string; colour: string; filled: boolean; stroke: number; opacity: number };
export type CoverArt = { ground: string; shapes: CoverShape[] };

/** Inks on paper, as a small label would print them: a ground and three colours that hold on it. */
const PRINTS = [
  { ground: "#2b1a3f", inks: ["#ffb347", "#ff7059", "#b594ff"] },
  { ground: "#12302f", inks: ["#66dcb4", "#ffd25e", "#f6f0ea"] },
  { ground: "#3d1620", inks: ["#ff8266", "#ffd25e", "#ff92cd"] },
  { ground: "#142742", inks: ["#5fc6ff", "#f6f0ea", "#ff8266"] },
  { ground: "#f0dcc0", inks: ["#c93f1e", "#1d2b4f", "#e79a1c"] },
  { ground: "#e8573f", inks: ["#2b1020", "#ffe2b0", "#ffb347"] },
  { ground: "#1c1c1a", inks: ["#ffd25e", "#ff92cd", "#5fc6ff"] },
  { ground: "#cfe3d8", inks: ["#0d4f46", "#e8573f", "#1c1c1a"] },
] as const;

/** Numbers 0…1 that follow from a text (FNV-1a into mulberry32). */
export function seededRandom(seed: string): () => number {
  let state = 0x811c9dc5;
  for (let at = 0; at < seed.length; at += 1) state = Math.imul(state ^ seed.charCodeAt(at), 0x01000193);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

const circle = (x: number, y: number, r: number) =>
  `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`;

type Draw = (random: () => number, ink: () => string) => CoverShape[];

const rings: Draw = (random, ink) => {
  const x = 20 + random() * 56;
  const y = 20 + random() * 56;
  const colour = ink();
  const grooves = Array.from({ length: 7 }, (_, at) => ({
    d: circle(x, y, 12 + at * 9),
    colour: at % 3 === 2 ? ink() : colour,
    filled: false,
    stroke: 2.5,
    opacity: 1,
  }));
  return [...grooves, { d: circle(x, y, 6), colour: ink(), filled: true, stroke: 0.4, opacity: 1 }];
};

const bars: Draw = (random, ink) => {
  const colours = [ink(), ink(), ink()];
  return Array.from({ length: 11 }, (_, at) => {
    const height = 10 + random() * 66;
    return {
      d: `M${8 + at * 8} ${48 - height / 2}v${height}`,
      colour: colours[Math.floor(random() * 3)]!,
      filled: false,
      stroke: 4.5,
      opacity: 1,
    };
  });
};

const hills: Draw = (random, ink) => [
  {
    d: circle(22 + random() * 52, 30 + random() * 10, 12 + random() * 6),
    colour: ink(),
    filled: true,
    stroke: 0,
    opacity: 1,
  },
  ...Array.from({ length: 3 }, (_, at) => {
    const y = 46 + at * 16;
    const swing = 8 + random() * 12;
    return {
      d: `M0 ${y}C24 ${y - swing} 40 ${y + swing} 60 ${y}S88 ${y - swing} 96 ${y}V96H0Z`,
      colour: ink(),
      filled: true,
      stroke: 0.4,
      opacity: 1,
    };
  }),
];

const arcs: Draw = (random, ink) => {
  const shapes: CoverShape[] = [];
  for (let row = 0; row < 3; row += 1)
    for (let column = 0; column < 3; column += 1) {
      const [x, y] = [column * 32, row * 32];
      const corner = Math.floor(random() * 4);
      const [fromX, fromY] = [x + (corner % 2) * 32, y + (corner > 1 ? 32 : 0)];
      const [toX, toY] = [x + 32 - (corner % 2) * 32, y + (corner > 1 ? 0 : 32)];
      const sweep = corner === 1 || corner === 2 ? 0 : 1;
      shapes.push({
        d: `M${fromX} ${fromY}H${toX}A32 32 0 0 ${sweep} ${fromX} ${toY}Z`,
        colour: ink(),
        filled: true,
        stroke: 1,
        opacity: random() < 0.2 ? 0 : 1,
      });
    }
  return shapes;
};

const DRAWINGS: readonly Draw[] = [rings, bars, hills, arcs];

/** A cover for anything that has an id. */
export function coverOf(seed: string): CoverArt {
  const random = seededRandom(seed);
  const print = PRINTS[Math.floor(random() * PRINTS.length)]!;
  const draw = DRAWINGS[Math.floor(random() * DRAWINGS.length)]!;
  let next = Math.floor(random() * 3);
  const ink = () => print.inks[next++ % print.inks.length]!;
  return { ground: print.ground, shapes: draw(random, ink) };
}
