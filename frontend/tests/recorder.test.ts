import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Recording, RecordingError } from "@/lib/audio/recorder";

/** A microphone that a test may unplug. */
class Track extends EventTarget {
  stopped = 0;
  stop() {
    this.stopped += 1;
  }
}

/** As browsers do it: once it is inactive, `stop` neither complains nor tells anybody again. */
class Recorder extends EventTarget {
  static last: Recorder;
  state: "inactive" | "recording" = "inactive";
  ondataavailable: ((event: { data: Blob }) => void) | null = null;
  constructor() {
    super();
    Recorder.last = this;
  }
  start() {
    this.state = "recording";
  }
  give(text: string) {
    this.ondataavailable?.({ data: new Blob([text]) });
  }
  stop() {
    if (this.state === "inactive") return;
    this.state = "inactive";
    queueMicrotask(() => {
      this.give("z");
      this.dispatchEvent(new Event("stop"));
    });
  }
}

let track: Track;
let closed: number;
let decoded: string[];
let readable: boolean;

beforeEach(() => {
  track = new Track();
  closed = 0;
  decoded = [];
  readable = true;
  vi.stubGlobal("MediaRecorder", Recorder);
  vi.stubGlobal("navigator", {
    mediaDevices: {
      getUserMedia: () => Promise.resolve({ getTracks: () => [track], getAudioTracks: () => [track] }),
    },
  });
  vi.stubGlobal(
    "AudioContext",
    class {
      createAnalyser = () => ({ fftSize: 1024 });
      createMediaStreamSource = () => ({ connect: () => undefined });
      close = () => {
        closed += 1;
        return Promise.resolve();
      };
      decodeAudioData = (bytes: ArrayBuffer) => {
        decoded.push(new TextDecoder().decode(bytes));
        if (!readable) return Promise.reject(new Error("nothing to decode"));
        const sound = Float32Array.from([0, 0.5]);
        return Promise.resolve({ length: 2, numberOfChannels: 1, sampleRate: 44100, getChannelData: () => sound });
      };
    },
  );
});
afterEach(() => vi.unstubAllGlobals());

/** The microphone goes away: the browser ends the track, then the recorder, which hands over what it has. */
function unplug() {
  track.dispatchEvent(new Event("ended"));
  Recorder.last.stop();
}

describe("a recording", () => {
  test("that is stopped gives a file of all its pieces, and lets the microphone go once", async () => {
    const recording = await Recording.begin();
    const lost = (recording.onlost = vi.fn());
    Recorder.last.give("a");
    Recorder.last.give("");
    Recorder.last.give("b");
    const file = await recording.finish("take.wav");
    expect([file.name, file.type, file.size > 44]).toEqual(["take.wav", "audio/wav", true]);
    expect(decoded).toEqual(["abz"]);
    expect([track.stopped, closed]).toEqual([1, 1]);
    expect(lost).not.toHaveBeenCalled();
  });
  test("whose microphone goes away says so once, stands still, and keeps what was heard", async () => {
    const recording = await Recording.begin();
    const lost = (recording.onlost = vi.fn());
    Recorder.last.give("a");
    unplug();
    expect(lost).toHaveBeenCalledTimes(1);
    await Promise.resolve();
    expect(Recorder.last.state).toBe("inactive");
    const { seconds } = recording;
    vi.spyOn(performance, "now").mockReturnValue(1e9);
    expect(recording.seconds).toBe(seconds);
    vi.mocked(performance.now).mockRestore();
    const file = await recording.finish("cut.wav");
    expect(decoded).toEqual(["az"]);
    expect(file.size).toBeGreaterThan(44);
    expect(lost).toHaveBeenCalledTimes(1);
    expect([track.stopped, closed]).toEqual([1, 1]);
  });
  test("may be finished before the recorder itself knows that the microphone is gone", async () => {
    const recording = await Recording.begin();
    recording.onlost = () => undefined;
    Recorder.last.give("a");
    track.dispatchEvent(new Event("ended"));
    await recording.finish("cut.wav");
    expect(decoded).toEqual(["az"]);
  });
  test("in which nothing was heard says that, and holds nothing", async () => {
    const recording = await Recording.begin();
    readable = false;
    unplug();
    await expect(recording.finish("empty.wav")).rejects.toEqual(new RecordingError("empty"));
    expect([track.stopped, closed]).toEqual([1, 1]);
  });
  test("that is dropped tells nobody, however often", async () => {
    const recording = await Recording.begin();
    const lost = (recording.onlost = vi.fn());
    recording.cancel();
    recording.cancel();
    await Promise.resolve();
    expect(lost).not.toHaveBeenCalled();
    expect([track.stopped, closed]).toEqual([1, 1]);
  });
  test("that cannot begin lets the microphone go", async () => {
    vi.stubGlobal(
      "AudioContext",
      class {
        constructor() {
          throw new Error("no sound card");
        }
      },
    );
    await expect(Recording.begin()).rejects.toEqual(new RecordingError("unsupported"));
    expect(track.stopped).toBe(1);
  });
});
