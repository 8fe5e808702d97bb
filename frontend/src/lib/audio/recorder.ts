import { mixedDown, wavFile } from "./wav-file";
import { peakDb } from "./multitrack";

/** The longest recording, in seconds: what a melody needs, and what a browser holds with ease. */
export const LONGEST_RECORDING_SECONDS = 120;

/** Why there is no recording: nobody let us, there is no microphone, or the browser cannot. */
export type RecordingProblem = "denied" | "missing" | "unsupported";
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
  readonly startedAt = performance.now();

  private constructor(
    private readonly stream: MediaStream,
    private readonly recorder: MediaRecorder,
    private readonly context: AudioContext,
    private readonly analyser: AnalyserNode,
  ) {
    this.samples = new Float32Array(analyser.fftSize);
    recorder.ondataavailable = (event) => event.data.size && this.pieces.push(event.data);
    recorder.start(1000);
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
    const context = new AudioContext();
    try {
      const analyser = context.createAnalyser();
      analyser.fftSize = 1024;
      context.createMediaStreamSource(stream).connect(analyser);
      return new Recording(stream, new MediaRecorder(stream), context, analyser);
    } catch {
      for (const track of stream.getTracks()) track.stop();
      void context.close();
      throw new RecordingError("unsupported");
    }
  }

  /** Seconds since it began. */
  get seconds(): number {
    return (performance.now() - this.startedAt) / 1000;
  }

  /** How loud the microphone is now, in dBFS. */
  get levelDb(): number {
    return peakDb(this.analyser, this.samples);
  }

  /** End it; a WAV file of what was heard. */
  async finish(name: string): Promise<File> {
    try {
      await new Promise<void>((resolve, reject) => {
        this.recorder.onstop = () => resolve();
        this.recorder.onerror = () => reject(new RecordingError("unsupported"));
        this.recorder.stop();
      });
      const sound = await this.context.decodeAudioData(await new Blob(this.pieces).arrayBuffer());
      return new File([wavFile(mixedDown(sound), sound.sampleRate)], name, { type: "audio/wav" });
    } finally {
      this.release();
    }
  }

  /** End it and forget it. */
  cancel(): void {
    if (this.recorder.state !== "inactive") this.recorder.stop();
    this.release();
  }

  private release(): void {
    for (const track of this.stream.getTracks()) track.stop();
    void this.context.close();
  }
}
