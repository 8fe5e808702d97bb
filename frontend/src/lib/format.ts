const MARKS = new Map<string, string>();

/** A number, written with a point, as the page's language writes it: 1.5 or 1,5. */
export function decimal(text: string): string {
  const language = (typeof document === "undefined" ? "" : document.documentElement.lang) || "en";
  let mark = MARKS.get(language);
  if (mark === undefined) {
    mark = new Intl.NumberFormat(language).formatToParts(1.5).find(({ type }) => type === "decimal")?.value ?? ".";
    MARKS.set(language, mark);
  }
  return text.replace(".", mark);
}

/** Seconds as a musician reads them: 2:31, 1:02:05. */
export function clock(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return "–:––";
  const whole = Math.floor(seconds);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const rest = String(whole % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/** Seconds with milliseconds for a transport: 00:42.310. */
export function timecode(seconds: number): string {
  const safe = Math.max(0, seconds);
  const minutes = String(Math.floor(safe / 60)).padStart(2, "0");
  return `${minutes}:${(safe % 60).toFixed(3).padStart(6, "0")}`;
}

/** A level with its sign: −14.0, +2.5, −∞. */
export function signed(value: number, digits = 1): string {
  if (value === -Infinity) return "−∞";
  const text = Math.abs(value).toFixed(digits);
  if (Number(text) === 0) return decimal(text);
  return `${value < 0 ? "−" : "+"}${decimal(text)}`;
}

/** Loudness has a minus sign, never a plus: −14.0 LUFS. */
export function loudness(value: number): string {
  return `${signed(value).replace("+", "")} LUFS`;
}

/** A key with real accidentals: "Eb dorian" → "E♭ dorian", "F# minor" → "F♯ minor". */
export function musicalKey(key: string): string {
  return key.replace(/^([A-G])b/, "$1♭").replace(/^([A-G])#/, "$1♯");
}

/** A size in the unit that fits: 40 MB, 1.8 GB. */
export function fileSize(bytes: number): string {
  if (bytes < 1e6) return `${Math.max(1, Math.round(bytes / 1e3))} kB`;
  if (bytes < 1e9) return `${Math.round(bytes / 1e6)} MB`;
  return `${decimal((bytes / 1e9).toFixed(1))} GB`;
}

/** How many times as fast as it plays: 0.4, 9, 38. */
export function times(factor: number): string {
  return decimal(String(factor >= 10 ? Math.round(factor) : Number(factor.toPrecision(2))));
}

/** A tempo without needless decimals: 80, 117.5. */
export function tempo(bpm: number): string {
  return decimal(String(roundTempo(bpm)));
}

/** A tempo as precise as it is shown. */
export function roundTempo(bpm: number): number {
  return Math.round(bpm * 10) / 10;
}
