import { mixedDown, wavFile } from "./wav-file";
import { peakDb } from "./strip-nodes";

/** The longest recording, in seconds: what a melody needs, and what a browser holds with ease. */
export const LONGEST_RECORDING_SECONDS = 120;

/** Why there is no recording: nobody let us, there is no microphone, the browser cannot, or nothing came of it. */
export type RecordingProblem = "denied" | "missing" | "unsupported" | "empty";
export class RecordingError extends Error {
  constructor(readonly problem: RecordingProblem) {
    super(problem);
  }
}

function problemOfMicrophone(failure: unknown): RecordingProblem {
  const name = failure instanceof DOMException ? failure.name : "";
  if (name === "NotAllowedError" || name === "SecurityError") return "denied";
  return name === "NotFoundError" || name === "OverconstrainedError" ? "missing" : "unsupported";
}

/** One recording from the microphone; nothing is sent anywhere before `finish`. */
export class Recording {
  private readonly pieces: Blob[] = [];
  private readonly samples: Float32Array<ArrayBuffer>;
  private readonly stopped: Promise<void>;
  private released = false;
  private endedAt: number | null = null;
  readonly startedAt = performance.now();
  /** Called once when the recording ends by itself: the microphone was unplugged, or may not be used any longer. */
  onlost: (() => void) | null = null;

  private constructor(
    private readonly stream: MediaStream,
    private readonly recorder: MediaRecorder,
    private readonly context: AudioContext,
    private readonly analyser: AnalyserNode,
  ) {
    this.samples = new Float32Array(analyser.fftSize);
    recorder.ondataavailable = (event) => event.data.size && this.pieces.push(event.data);
    // A recorder that fails stops as well, and hands over what it has: so does one whose microphone goes away.
    this.stopped = new Promise((resolve) =>
      recorder.addEventListener("stop", () => {
        this.end();
        resolve();
      }),
    );
    for (const track of stream.getAudioTracks()) track.addEventListener("ended", () => this.end());
    recorder.start(1000);
  }

  /** It is over: the clock stands, and whoever did not ask for it hears of it once. */
  private end(): void {
    if (this.endedAt !== null) return;
    this.endedAt = performance.now();
    if (!this.released) this.onlost?.();
  }

  /** Ask for the microphone and begin. Throws `RecordingError`. */
  static async begin(): Promise<Recording> {
    if (typeof MediaRecorder === "undefined" || !navigator.mediaDevices) throw new RecordingError("unsupported");
    let stream: MediaStream;
    try {
      // What cleans speech up takes notes away.
      stream = await navigator.mediaDevices.getUserMedia({
        audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
      });
    } catch (failure) {
      throw new RecordingError(problemOfMicrophone(failure));
    }
    let context: AudioContext | undefined;
    try {
      context = new AudioContext();
      const analyser = context.createAnalyser();
      analyser.fftSize = 1024;
      context.createMediaStreamSource(stream).connect(analyser);
      return new Recording(stream, new MediaRecorder(stream), context, analyser);
    } catch {
      for (const track of stream.getTracks()) track.stop();
      void context?.close();
      throw new RecordingError("unsupported");
    }
  }

  /** Seconds that it lasts. */
  get seconds(): number {
    return ((this.endedAt ?? performance.now()) - this.startedAt) / 1000;
  }

  /** How loud the microphone is now, in dBFS. */
  get levelDb(): number {
    return peakDb(this.analyser, this.samples);
  }

  /** End it, unless it ended by itself; a WAV file of what was heard. Throws `RecordingError` where nothing was. */
  async finish(name: string): Promise<File> {
    this.onlost = null;
    try {
      if (this.recorder.state !== "inactive") this.recorder.stop();
      await this.stopped;
      if (!this.pieces.length) throw new RecordingError("empty");
      const bytes = await new Blob(this.pieces).arrayBuffer();
      const sound = await this.context.decodeAudioData(bytes).catch(() => {
        throw new RecordingError("empty");
      });
      return new File([wavFile(mixedDown(sound), sound.sampleRate)], name, { type: "audio/wav" });
    } finally {
      this.release();
    }
  }

  /** End it and forget it. */
  cancel(): void {
    this.onlost = null;
    if (this.recorder.state !== "inactive") this.recorder.stop();
    this.release();
  }

  private release(): void {
    if (this.released) return;
    this.released = true;
    for (const track of this.stream.getTracks()) track.stop();
    void this.context.close();
  }
}
