/** What the header of a PCM WAV stream says (RIFF, 16-bit samples: the format of the platform's live stream). */
export type WavFormat = { sampleRate: number; channels: number; bitsPerSample: number };

/** Reads a 16-bit WAV that arrives in pieces of any size; hands on interleaved samples as they come. */
export class WavStreamReader {
  private pending = new Uint8Array(0);
  private format: WavFormat | null = null;

  constructor(
    private readonly onFormat: (format: WavFormat) => void,
    private readonly onSamples: (samples: Int16Array) => void,
  ) {}

  /** Take the next bytes. Throws when they are not a 16-bit PCM WAV. */
  push(bytes: Uint8Array): void {
    const data = new Uint8Array(this.pending.length + bytes.length);
    data.set(this.pending);
    data.set(bytes, this.pending.length);
    this.pending = this.format ? this.emit(data, this.format) : this.readHeader(data);
  }

  private readHeader(data: Uint8Array): Uint8Array<ArrayBuffer> {
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    const tag = (at: number) => String.fromCharCode(...data.subarray(at, at + 4));
    if (data.length >= 12 && (tag(0) !== "RIFF" || tag(8) !== "WAVE")) throw new Error("not a WAV stream");
    let found: WavFormat | null = null;
    let at = 12;
    while (at + 8 <= data.length) {
      const size = view.getUint32(at + 4, true);
      if (tag(at) === "data") {
        if (!found || found.bitsPerSample !== 16) throw new Error("not 16-bit PCM");
        this.format = found;
        this.onFormat(found);
        return this.emit(data.slice(at + 8), found);
      }
      if (tag(at) === "fmt " && at + 24 <= data.length) {
        found = {
          channels: view.getUint16(at + 10, true),
          sampleRate: view.getUint32(at + 12, true),
          bitsPerSample: view.getUint16(at + 22, true),
        };
      }
      at += 8 + size + (size & 1);
    }
    return data.slice();
  }

  private emit(data: Uint8Array, format: WavFormat): Uint8Array<ArrayBuffer> {
    const frame = format.channels * 2;
    const whole = data.length - (data.length % frame);
    if (whole) this.onSamples(new Int16Array(data.slice(0, whole).buffer));
    return data.slice(whole);
  }
}
