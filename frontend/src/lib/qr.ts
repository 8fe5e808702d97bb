/**
 * QR codes (ISO/IEC 18004) of bytes at error correction level M, versions 1 to 20: enough for an address of 660 bytes.
 * Drawn here, so that a secret is shown to nobody else's server.
 */

/** Level M, by version: error correction codewords of a block, and the number of blocks (ISO/IEC 18004, table 9). */
const CORRECTION = [10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26];
const BLOCKS = [1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16];
const LEVEL_BITS = 0b00;

/** x⁸ + x⁴ + x³ + x² + 1: the field's polynomial. */
const FIELD = 0x11d;

/** The product of two elements of GF(2⁸). */
export function multiply(a: number, b: number): number {
  let product = 0;
  for (let bit = 7; bit >= 0; bit -= 1) {
    product = (product << 1) ^ ((product >>> 7) * FIELD);
    if ((b >>> bit) & 1) product ^= a;
  }
  return product;
}

/** The error correction codewords of some data (Reed and Solomon). */
export function correction(data: readonly number[], count: number): number[] {
  const divisor = [...Array<number>(count - 1).fill(0), 1];
  for (let root = 1, turn = 0; turn < count; turn += 1) {
    for (let at = 0; at < count; at += 1) divisor[at] = multiply(divisor[at]!, root) ^ (divisor[at + 1] ?? 0);
    root = multiply(root, 2);
  }
  const rest = Array<number>(count).fill(0);
  for (const byte of data) {
    const factor = byte ^ rest.shift()!;
    rest.push(0);
    for (let at = 0; at < count; at += 1) rest[at]! ^= multiply(divisor[at]!, factor);
  }
  return rest;
}

/** The 15 bits that name level M and a mask, protected and masked. */
export function formatBits(mask: number): number {
  const data = (LEVEL_BITS << 3) | mask;
  let rest = data;
  for (let turn = 0; turn < 10; turn += 1) rest = (rest << 1) ^ ((rest >>> 9) * 0x537);
  return ((data << 10) | rest) ^ 0x5412;
}

/** The 18 bits that name a version from 7 on. */
export function versionBits(version: number): number {
  let rest = version;
  for (let turn = 0; turn < 12; turn += 1) rest = (rest << 1) ^ ((rest >>> 11) * 0x1f25);
  return (version << 12) | rest;
}

/** How many modules a version has for data and correction. */
function dataModules(version: number): number {
  let modules = (16 * version + 128) * version + 64;
  if (version >= 2) {
    const marks = Math.floor(version / 7) + 2;
    modules -= (25 * marks - 10) * marks - 55;
    if (version >= 7) modules -= 36;
  }
  return modules;
}

/** Where the centres of alignment marks stand, in both directions. */
function alignmentPlaces(version: number): number[] {
  if (version === 1) return [];
  const count = Math.floor(version / 7) + 2;
  const step = Math.floor((version * 8 + count * 3 + 5) / (count * 4 - 4)) * 2;
  const last = version * 4 + 10;
  return [6, ...Array.from({ length: count - 1 }, (_, at) => last - (count - 2 - at) * step)];
}

const MASKS: ((x: number, y: number) => boolean)[] = [
  (x, y) => (x + y) % 2 === 0,
  (_, y) => y % 2 === 0,
  (x) => x % 3 === 0,
  (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0,
  (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];

/** The codewords of a text in the smallest version that holds it, blocks interleaved. Throws for too long a text. */
function codewords(bytes: Uint8Array): { version: number; words: number[] } {
  for (let version = 1; version <= CORRECTION.length; version += 1) {
    const [each, blocks] = [CORRECTION[version - 1]!, BLOCKS[version - 1]!];
    const all = Math.floor(dataModules(version) / 8);
    const room = all - each * blocks;
    const lengthBits = version < 10 ? 8 : 16;
    if (4 + lengthBits + bytes.length * 8 > room * 8) continue;
    const bits: number[] = [];
    const put = (value: number, count: number) => {
      for (let bit = count - 1; bit >= 0; bit -= 1) bits.push((value >>> bit) & 1);
    };
    put(0b0100, 4);
    put(bytes.length, lengthBits);
    for (const byte of bytes) put(byte, 8);
    put(0, Math.min(4, room * 8 - bits.length));
    put(0, (8 - (bits.length % 8)) % 8);
    const data: number[] = [];
    for (let at = 0; at < bits.length; at += 8)
      data.push(bits.slice(at, at + 8).reduce((sum, bit) => sum * 2 + bit, 0));
    for (let pad = 0xec; data.length < room; pad ^= 0xec ^ 0x11) data.push(pad);
    return { version, words: interleaved(data, all, each, blocks) };
  }
  throw new RangeError("too long for a QR code");
}

function interleaved(data: readonly number[], all: number, each: number, blocks: number): number[] {
  const short = Math.floor(all / blocks) - each;
  const longer = all % blocks;
  const parts: number[][] = [];
  for (let block = 0, at = 0; block < blocks; block += 1) {
    const length = short + (block >= blocks - longer ? 1 : 0);
    parts.push(data.slice(at, at + length));
    at += length;
  }
  const checks = parts.map((part) => correction(part, each));
  const inTurn = (rows: number[][], length: number) =>
    Array.from({ length }, (_, at) => rows.flatMap((row) => (at < row.length ? [row[at]!] : []))).flat();
  return [...inTurn(parts, short + 1), ...inTurn(checks, each)];
}

/** The modules of the code of a text, row by row; true is dark. Throws `RangeError` for more than 660 bytes or so. */
export function qrCode(text: string): boolean[][] {
  const { version, words } = codewords(new TextEncoder().encode(text));
  const size = version * 4 + 17;
  const dark = Array.from({ length: size }, () => Array<boolean>(size).fill(false));
  const fixed = Array.from({ length: size }, () => Array<boolean>(size).fill(false));
  const set = (x: number, y: number, on: boolean) => {
    if (x < 0 || y < 0 || x >= size || y >= size) return;
    dark[y]![x] = on;
    fixed[y]![x] = true;
  };
  for (let at = 0; at < size; at += 1) {
    set(6, at, at % 2 === 0);
    set(at, 6, at % 2 === 0);
  }
  for (const [x, y] of [
    [3, 3],
    [size - 4, 3],
    [3, size - 4],
  ] as const)
    for (let dy = -4; dy <= 4; dy += 1)
      for (let dx = -4; dx <= 4; dx += 1) {
        const ring = Math.max(Math.abs(dx), Math.abs(dy));
        set(x + dx, y + dy, ring !== 2 && ring !== 4);
      }
  const places = alignmentPlaces(version);
  for (const [row, y] of places.entries())
    for (const [column, x] of places.entries()) {
      const corner = (edge: number) => edge === 0 || edge === places.length - 1;
      if (corner(row) && corner(column) && !(row > 0 && column > 0)) continue;
      for (let dy = -2; dy <= 2; dy += 1)
        for (let dx = -2; dx <= 2; dx += 1) set(x + dx, y + dy, Math.max(Math.abs(dx), Math.abs(dy)) !== 1);
    }
  if (version >= 7) {
    const bits = versionBits(version);
    for (let bit = 0; bit < 18; bit += 1) {
      const [far, near] = [size - 11 + (bit % 3), Math.floor(bit / 3)];
      set(far, near, ((bits >>> bit) & 1) === 1);
      set(near, far, ((bits >>> bit) & 1) === 1);
    }
  }
  const putFormat = (mask: number) => {
    const bits = formatBits(mask);
    const on = (bit: number) => ((bits >>> bit) & 1) === 1;
    for (let bit = 0; bit <= 5; bit += 1) set(8, bit, on(bit));
    set(8, 7, on(6));
    set(8, 8, on(7));
    set(7, 8, on(8));
    for (let bit = 9; bit < 15; bit += 1) set(14 - bit, 8, on(bit));
    for (let bit = 0; bit < 8; bit += 1) set(size - 1 - bit, 8, on(bit));
    for (let bit = 8; bit < 15; bit += 1) set(8, size - 15 + bit, on(bit));
    set(8, size - 8, true);
  };
  putFormat(0);
  let place = 0;
  for (let right = size - 1; right >= 1; right -= 2) {
    if (right === 6) right = 5;
    for (let step = 0; step < size; step += 1)
      for (const x of [right, right - 1]) {
        const y = ((right + 1) & 2) === 0 ? size - 1 - step : step;
        if (fixed[y]![x] || place >= words.length * 8) continue;
        dark[y]![x] = ((words[place >>> 3]! >>> (7 - (place & 7))) & 1) === 1;
        place += 1;
      }
  }
  const flip = (mask: number) => {
    for (let y = 0; y < size; y += 1)
      for (let x = 0; x < size; x += 1) if (!fixed[y]![x] && MASKS[mask]!(x, y)) dark[y]![x] = !dark[y]![x];
  };
  let [best, least] = [0, Infinity];
  for (let mask = 0; mask < MASKS.length; mask += 1) {
    flip(mask);
    putFormat(mask);
    const cost = penalty(dark);
    if (cost < least) [best, least] = [mask, cost];
    flip(mask);
  }
  flip(best);
  putFormat(best);
  return dark;
}

/** How hard a code is to read (ISO/IEC 18004, 7.8.3): long runs, blocks, false finder marks, uneven shares. */
function penalty(dark: readonly boolean[][]): number {
  const size = dark.length;
  let cost = 0;
  const lines = [...dark, ...dark.map((_, x) => dark.map((row) => row[x]!))];
  for (const line of lines) {
    for (let at = 0; at < size;) {
      let end = at;
      while (end < size && line[end] === line[at]) end += 1;
      if (end - at >= 5) cost += end - at - 2;
      at = end;
    }
    const text = line.map((on) => (on ? "1" : "0")).join("");
    for (const mark of ["10111010000", "00001011101"])
      for (let at = text.indexOf(mark); at >= 0; at = text.indexOf(mark, at + 1)) cost += 40;
  }
  for (let y = 1; y < size; y += 1)
    for (let x = 1; x < size; x += 1) {
      const here = dark[y]![x];
      if (dark[y - 1]![x] === here && dark[y]![x - 1] === here && dark[y - 1]![x - 1] === here) cost += 3;
    }
  const share = dark.flat().filter(Boolean).length / (size * size);
  return cost + Math.floor(Math.abs(share * 20 - 10)) * 10;
}

/** Dark modules as the path of an SVG, a module being one unit. */
export function qrPath(code: readonly boolean[][]): string {
  return code.map((row, y) => row.map((on, x) => (on ? `M${x} ${y}h1v1h-1z` : "")).join("")).join("");
}
