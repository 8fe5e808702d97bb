const HEADER_BYTES = 44;
const BYTES_PER_SAMPLE = 2;

type Sound = Pick<AudioBuffer, "length" | "numberOfChannels" | "sampleRate" | "getChannelData">;

/** All channels as one. */
export function mixedDown(sound: Sound): Float32Array {
  const mono = new Float32Array(sound.length);
  for (let channel = 0; channel < sound.numberOfChannels; channel += 1) {
    const samples = sound.getChannelData(channel);
    for (let at = 0; at < mono.length; at += 1) mono[at]! += samples[at]! / sound.numberOfChannels;
  }
  return mono;
}

/** Samples (−1…1, louder ones are cut off) as a mono WAV file of 16 bits. */
export function wavFile(samples: Float32Array, sampleRate: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER_BYTES + samples.length * BYTES_PER_SAMPLE);
  const view = new DataView(bytes.buffer);
  const tag = (at: number, text: string) => [...text].forEach((sign, n) => (bytes[at + n] = sign.charCodeAt(0)));
  tag(0, "RIFF");
  view.setUint32(4, bytes.length - 8, true);
  tag(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, sampleRate, true);
  view.setUint32(28, sampleRate * BYTES_PER_SAMPLE, true);
  view.setUint16(32, BYTES_PER_SAMPLE, true);
  view.setUint16(34, 8 * BYTES_PER_SAMPLE, true);
  tag(36, "data");
  view.setUint32(40, samples.length * BYTES_PER_SAMPLE, true);
  samples.forEach((sample, at) => {
    const inside = Number.isFinite(sample) ? Math.max(-1, Math.min(1, sample)) : 0;
    view.setInt16(HEADER_BYTES + at * BYTES_PER_SAMPLE, Math.round(inside * 32767), true);
  });
  return bytes;
}
