import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { changeOf, LiveFeed, readMessage, reconnectDelay } from "@/lib/live/feed";
import { draftRequest, EMPTY_DRAFT } from "@/stores/draft";
import { following } from "@/stores/player";
import { readKept, splitAt, useStudio, editChannel } from "@/stores/studio";
import { channelsOf } from "@/lib/audio/edits";

describe("what plays next", () => {
  const never = () => 0;
  test("is the next of the list, and nothing after the last", () => {
    expect(following(0, 3, "off", false, never)).toBe(1);
    expect(following(2, 3, "off", false, never)).toBeNull();
    expect(following(2, 3, "all", false, never)).toBe(0);
    expect(following(0, 0, "all", true, never)).toBeNull();
  });
  test("shuffled is any other one, each as likely", () => {
    expect([0, 0.34, 0.67].map((value) => following(1, 4, "off", true, () => value))).toEqual([0, 2, 3]);
  });
});

describe("the request of a draft", () => {
  const composer = { parameters: ["bpm", "key", "structure", "spec"], max_duration: 600 };
  const full = {
    ...EMPTY_DRAFT,
    prompt: "  a waltz ",
    advanced: true,
    bpm: "92,5",
    tonic: "A",
    mode: "minor",
    seed: "7",
    guidance: "4",
    instruments: ["flute"],
  };
  test("holds only what was set and what the model takes", () => {
    expect(draftRequest(full, composer)).toEqual({
      prompt: "a waltz",
      duration: 30,
      bpm: 92.5,
      key: "A minor",
      seed: 7,
      spec: { instruments: ["flute"] },
    });
    expect(draftRequest(full, { parameters: ["guidance_scale"], max_duration: 20 })).toEqual({
      prompt: "a waltz",
      duration: 20,
      seed: 7,
      guidance_scale: 4,
    });
  });
  test("leaves out what is hidden behind More", () => {
    expect(draftRequest({ ...full, advanced: false }, composer)).toEqual({ prompt: "a waltz", duration: 30 });
  });
  test("a form replaces the length", () => {
    const asked = draftRequest({ ...full, structure: [{ section: "verse", bars: 8 }] }, composer);
    expect(asked.structure).toEqual([{ section: "verse", bars: 8, prompt: "" }]);
    expect(asked).not.toHaveProperty("duration");
  });
});

describe("undo", () => {
  const fresh = () => ({
    title: "Song",
    channels: channelsOf({ id: "t", title: "Song", duration: 10, stems: ["drums", "bass"] }),
  });
  const gain = () => useStudio.getState().channels[0]!.gainDb;
  beforeEach(() => {
    vi.stubGlobal("localStorage", { getItem: () => null, setItem: () => undefined });
    useStudio.getState().open("p", 120, fresh());
  });
  afterEach(() => vi.unstubAllGlobals());
  const fader = (gainDb: number, at: number) =>
    useStudio
      .getState()
      .edit(
        "gain",
        ({ channels }) => ({ channels: channels.map((channel, n) => (n ? channel : { ...channel, gainDb })) }),
        at,
      );

  test("one way of a fader is one step", () => {
    [-1, -2, -3].forEach((level, at) => fader(level, 1000 + at * 50));
    fader(-9, 9000);
    useStudio.getState().undo();
    expect(gain()).toBe(-3);
    useStudio.getState().undo();
    expect(gain()).toBe(0);
    useStudio.getState().redo();
    expect(gain()).toBe(-3);
  });
  test("a new change forgets what was undone", () => {
    fader(-6, 1000);
    useStudio.getState().undo();
    fader(-2, 5000);
    useStudio.getState().redo();
    expect(gain()).toBe(-2);
  });
  test("a split of one channel leaves the others whole", () => {
    splitAt(5, useStudio.getState().channels[0]!.id);
    expect(useStudio.getState().channels.map(({ clips }) => clips.length)).toEqual([2, 1]);
    splitAt(2.5, null);
    expect(useStudio.getState().channels.map(({ clips }) => clips.length)).toEqual([3, 2]);
  });
  test("a channel is found by its id", () => {
    const [, bass] = useStudio.getState().channels;
    editChannel(bass!.id, "pan", { pan: 0.5 });
    expect(useStudio.getState().channels.map(({ pan }) => pan)).toEqual([0, 0.5]);
  });
  test("what was kept is taken only when it can be used", () => {
    expect(readKept(null)).toBeNull();
    expect(readKept("{")).toBeNull();
    expect(readKept(JSON.stringify({ version: 99, title: "x", channels: fresh().channels }))).toBeNull();
    expect(readKept(JSON.stringify({ version: 1, title: "x", channels: fresh().channels }))?.title).toBe("x");
  });
});

describe("events of jobs", () => {
  test("become fields of the job", () => {
    expect(
      changeOf({ type: "progress", data: { progress: 0.4, stage: "playing the verse", eta_seconds: 2.1 } }),
    ).toEqual({
      progress: 0.4,
      stage: "playing the verse",
      eta_seconds: 2.1,
      status: "running",
      queue_position: null,
    });
    expect(changeOf({ type: "status", data: { status: "queued", queue_position: 3 } })).toEqual({
      status: "queued",
      queue_position: 3,
    });
    expect(changeOf({ type: "status", data: { status: "nonsense" } })).toEqual({});
    expect(changeOf({ type: "error", data: { detail: "no" } })).toMatchObject({
      status: "failed",
      error: { detail: "no" },
    });
    expect(changeOf({ type: "notification", data: {} })).toBeNull();
  });
  test("anything else on the socket is passed over", () => {
    expect(readMessage("not json")).toBeNull();
    expect(readMessage("[1]")).toBeNull();
    expect(readMessage('{"type":"hello","job_id":null}')).toBeNull();
    expect(readMessage('{"type":"done","job_id":"j","data":{"status":"succeeded"}}')).toMatchObject({
      job_id: "j",
      type: "done",
    });
  });
});

describe("the live connection", () => {
  class FakeSocket {
    onopen?: () => void;
    onclose?: () => void;
    onmessage?: (event: { data: string }) => void;
    close() {
      this.onclose?.();
    }
  }
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  function feed() {
    const sockets: FakeSocket[] = [];
    const seen = { jobs: [] as unknown[], gaps: 0, polls: 0 };
    const live = new LiveFeed({
      url: "ws://x",
      onJob: (id, change) => seen.jobs.push([id, change]),
      onGap: () => (seen.gaps += 1),
      poll: () => (seen.polls += 1),
      openSocket: () => {
        const socket = new FakeSocket();
        sockets.push(socket);
        return socket as unknown as WebSocket;
      },
    });
    live.busy = true;
    live.start();
    return { live, sockets, seen };
  }

  test("asks while the socket is down, and not while it is up", () => {
    const { live, sockets, seen } = feed();
    vi.advanceTimersByTime(3100);
    expect(seen.polls).toBe(3);
    sockets[0]!.onopen!();
    vi.advanceTimersByTime(5000);
    expect(seen.polls).toBe(3);
    sockets[0]!.onmessage!({ data: '{"type":"progress","job_id":"j","data":{"progress":0.5}}' });
    expect(seen.jobs).toHaveLength(1);
    live.stop();
  });
  test("comes back after it was cut, and says that something may have been missed", () => {
    const { live, sockets, seen } = feed();
    sockets[0]!.onopen!();
    sockets[0]!.onclose!();
    vi.advanceTimersByTime(600);
    expect(sockets).toHaveLength(2);
    sockets[1]!.onopen!();
    expect(seen.gaps).toBe(2);
    live.stop();
    vi.advanceTimersByTime(60_000);
    expect(sockets).toHaveLength(2);
    expect(seen.polls).toBe(0);
  });
  test("waits longer each time, within bounds", () => {
    expect(reconnectDelay(0, 0)).toBe(250);
    expect(reconnectDelay(3, 1)).toBe(4000);
    expect(reconnectDelay(50, 1)).toBe(30_000);
  });
});
