import { describe, expect, test } from "vitest";
import { correction, formatBits, multiply, qrCode, qrPath, versionBits } from "@/lib/qr";

const uri = (account: string) =>
  `otpauth://totp/Music%20Gen%20AI:${account}?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Music%20Gen%20AI&algorithm=SHA1&digits=6&period=30`;

/** Read the bytes of a code of one block back, by the standard's way through the modules. */
function readBack(code: boolean[][]): string {
  const size = code.length;
  const version = (size - 17) / 4;
  let format = 0;
  for (const [x, y] of [
    [8, 0],
    [8, 1],
    [8, 2],
    [8, 3],
    [8, 4],
    [8, 5],
    [8, 7],
    [8, 8],
    [7, 8],
    [5, 8],
    [4, 8],
    [3, 8],
    [2, 8],
    [1, 8],
    [0, 8],
  ].reverse())
    format = format * 2 + Number(code[y!]![x!]);
  const mask = ((format ^ 0x5412) >>> 10) & 7;
  const masks = [
    (i: number, j: number) => (i + j) % 2,
    (i: number) => i % 2,
    (_: number, j: number) => j % 3,
    (i: number, j: number) => (i + j) % 3,
    (i: number, j: number) => (Math.floor(i / 2) + Math.floor(j / 3)) % 2,
    (i: number, j: number) => ((i * j) % 2) + ((i * j) % 3),
    (i: number, j: number) => (((i * j) % 2) + ((i * j) % 3)) % 2,
    (i: number, j: number) => (((i + j) % 2) + ((i * j) % 3)) % 2,
  ];
  const centre = version > 1 ? size - 7 : -99;
  const reserved = (x: number, y: number) =>
    x === 6 ||
    y === 6 ||
    (x < 9 && y < 9) ||
    (x < 9 && y >= size - 8) ||
    (x >= size - 8 && y < 9) ||
    (Math.abs(x - centre) <= 2 && Math.abs(y - centre) <= 2);
  const bits: number[] = [];
  let upwards = true;
  for (let column = size - 1; column > 0; column -= 2) {
    if (column === 6) column -= 1;
    for (let step = 0; step < size; step += 1) {
      const y = upwards ? size - 1 - step : step;
      for (const x of [column, column - 1])
        if (!reserved(x, y)) bits.push(Number(code[y]![x]) ^ Number(masks[mask]!(y, x) === 0));
    }
    upwards = !upwards;
  }
  const value = (from: number, count: number) => bits.slice(from, from + count).reduce((sum, bit) => sum * 2 + bit, 0);
  expect(value(0, 4)).toBe(4);
  const length = value(4, 8);
  return new TextDecoder().decode(Uint8Array.from({ length }, (_, at) => value(12 + at * 8, 8)));
}

describe("a QR code", () => {
  test("multiplies in the field of the standard", () => {
    expect(multiply(2, 0x80)).toBe(0x1d);
    expect(multiply(7, 0)).toBe(0);
    expect(multiply(0x53, 1)).toBe(0x53);
  });
  test("has the correction words of the worked example HELLO WORLD, 1-M", () => {
    const data = [32, 91, 11, 120, 209, 114, 220, 77, 67, 64, 236, 17, 236, 17, 236, 17];
    expect(correction(data, 10)).toEqual([196, 35, 39, 119, 235, 215, 231, 226, 93, 23]);
  });
  test("has the format and version words of the standard's tables", () => {
    expect(formatBits(0).toString(2).padStart(15, "0")).toBe("101010000010010");
    expect(formatBits(5).toString(2).padStart(15, "0")).toBe("100000011001110");
    expect(versionBits(7).toString(2).padStart(18, "0")).toBe("000111110010010100");
    expect(versionBits(20).toString(2).padStart(18, "0")).toBe("010100100110100110");
  });
  test.each(["a", "Grüße an Ödön", "otpauth://totp/x?secret=JBSWY3DPEHPK3PXP"])("says %s again", (text) => {
    expect(readBack(qrCode(text))).toBe(text);
  });
  test("grows with its text, has its three marks, and refuses what does not fit", () => {
    expect(qrCode("a")).toHaveLength(21);
    const code = qrCode(uri("ada"));
    expect((code.length - 17) % 4).toBe(0);
    for (const [x, y] of [
      [0, 0],
      [code.length - 7, 0],
      [0, code.length - 7],
    ])
      expect([0, 1, 2, 3, 4, 5, 6].map((at) => Number(code[y! + 3]![x! + at])).join("")).toBe("1011101");
    expect(() => qrCode("x".repeat(700))).toThrow(RangeError);
    expect(
      qrPath([
        [true, false],
        [false, true],
      ]),
    ).toBe("M0 0h1v1h-1zM1 1h1v1h-1z");
  });
});
