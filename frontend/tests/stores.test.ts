import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { changeOf, LiveFeed, readMessage, reconnectDelay } from "@/lib/live/feed";
import { draftRequest, EMPTY_DRAFT } from "@/stores/draft";
import { following } from "@/stores/player";
import {
  addBus,
  editChannel,
  editLane,
  editRoute,
  editSend,
  editStrip,
  removeBus,
  removeEffect,
  repeatClip,
  splitAt,
  useStudio,
} from "@/stores/studio";
import { ProblemError } from "@/lib/api/problem";
import { sessionOf } from "@/lib/session";
import { freshArrangement } from "@/lib/audio/edits";
import { keptText, readKept } from "@/lib/audio/kept";

describe("what plays next", () => {
  test("is the next of the list, and nothing after the last", () => {
    expect(following(0, 3, "off")).toBe(1);
    expect(following(2, 3, "off")).toBeNull();
    expect(following(2, 3, "all")).toBe(0);
    expect(following(0, 0, "all")).toBeNull();
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
  const fresh = () => freshArrangement({ id: "t", title: "Song", duration: 10, stems: ["drums", "bass"] });
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
    expect(readKept(keptText({ ...fresh(), title: "x" }))).toEqual({ ...fresh(), title: "x" });
  });
  test("a project of before there were buses opens as it sounded", () => {
    const { automation, sends, output, crossfade, ...old } = fresh().channels[0]!;
    expect([automation, sends, output, crossfade]).toEqual([[], [], "master", "equal_power"]);
    const kept = readKept(JSON.stringify({ version: 1, title: "x", channels: [old] }));
    expect(kept).toMatchObject({
      channels: [{ ...old, automation: [], sends: [], output: "master", crossfade: null }],
      buses: [],
      master: { ceilingDbtp: -1 },
    });
  });
  test("links to a bus that is not there are cut when a project is opened", () => {
    const [drums] = fresh().channels;
    const torn = { ...drums!, output: "bus-9", sends: [{ to: "bus-9", gainDb: 0, preFader: false }] };
    const kept = readKept(keptText({ ...fresh(), channels: [torn] }));
    expect(kept!.channels[0]).toMatchObject({ output: "master", sends: [] });
  });
});

describe("buses", () => {
  const studio = () => useStudio.getState();
  const point = { time: 0, value: -6, curve: "linear" as const };
  beforeEach(() => {
    vi.stubGlobal("localStorage", { getItem: () => null, setItem: () => undefined });
    studio().open("p", 120, freshArrangement({ id: "t", title: "Song", duration: 10, stems: ["drums", "bass"] }));
  });
  afterEach(() => vi.unstubAllGlobals());

  test("get names of their own, and everything that led to one goes with it", () => {
    const first = addBus((number) => `Bus ${number}`);
    const second = addBus((number) => `Bus ${number}`);
    expect(studio().buses.map(({ id, name }) => [id, name])).toEqual([
      [first, "Bus 1"],
      [second, "Bus 2"],
    ]);
    const drums = studio().channels[0]!.id;
    editSend(drums, first, { gainDb: -3 });
    editLane(drums, `sends/${first}/gain_db`, "add", [point]);
    editRoute(second, "output", () => ({ output: first }));
    removeBus(first);
    expect(studio().buses).toMatchObject([{ id: second, output: "master" }]);
    expect(studio().channels[0]).toMatchObject({ sends: [], automation: [] });
    studio().undo();
    expect(studio().channels[0]).toMatchObject({ sends: [{ to: first, gainDb: -3 }] });
    expect(addBus((number) => `Bus ${number}`)).toBe("bus-3");
  });
  test("an effect takes its automation along when it goes", () => {
    const { id } = studio().channels[0]!;
    editStrip(id, "add", () => ({ effects: [{ id: "r1", type: "reverb", parameters: {}, bypass: false }] }));
    editLane(id, "effects/r1/mix", "add", [{ time: 1, value: 0.5, curve: "hold" }]);
    editLane(id, "gain_db", "add", [point]);
    removeEffect(id, "r1");
    expect(studio().channels[0]!.automation.map(({ target }) => target)).toEqual(["gain_db"]);
    editLane(id, "gain_db", "clear", []);
    expect(studio().channels[0]!.automation).toEqual([]);
  });
  test("a clip that is repeated twice gets two names", () => {
    const { id, clips } = studio().channels[0]!;
    repeatClip(id, clips[0]!.id);
    repeatClip(id, clips[0]!.id);
    const made = studio().channels[0]!.clips;
    expect(made.map(({ start }) => start)).toEqual([0, 10, 10]);
    expect(new Set(made.map((clip) => clip.id)).size).toBe(3);
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

describe("who is signed in", () => {
  const asked = { data: undefined, error: null, failureCount: 0, errorUpdateCount: 0 };
  const lost = new ProblemError(0, "offline", "", []);
  test("is not known until the server has answered", () => {
    expect(sessionOf(asked)).toEqual({ user: null, loading: true, failure: null, unanswered: false });
    expect(sessionOf({ ...asked, data: null })).toMatchObject({ user: null, loading: false, unanswered: false });
    expect(sessionOf({ ...asked, failureCount: 1 })).toMatchObject({ loading: true, unanswered: true });
  });
  test("stays unknown while a server that did not answer is asked again", () => {
    expect(sessionOf({ ...asked, error: lost, failureCount: 3, errorUpdateCount: 1 }).failure).toBe(lost);
    const again = sessionOf({ ...asked, errorUpdateCount: 1 });
    expect([again.loading, again.failure, again.unanswered]).toEqual([false, lost, true]);
  });
});

describe("the live connection", () => {
  class FakeSocket {
    onopen?: () => void;
    onclose?: () => void;
    onmessage?: (event: { data: string }) => void;
    said: string[] = [];
    send(text: string) {
      this.said.push(text);
    }
    close() {
      this.onclose?.();
    }
  }
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  function feed() {
    const sockets: FakeSocket[] = [];
    const seen = { jobs: [] as unknown[], gaps: 0, polls: 0, reached: [] as boolean[] };
    const live = new LiveFeed({
      url: "ws://x",
      onJob: (id, change) => seen.jobs.push([id, change]),
      onGap: () => (seen.gaps += 1),
      poll: () => (seen.polls += 1),
      onReach: (reached) => seen.reached.push(reached),
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
  test("finds out by its pings that a connection broke without a word", () => {
    const { live, sockets, seen } = feed();
    sockets[0]!.onopen!();
    sockets[0]!.close = () => undefined;
    for (let ping = 0; ping < 2; ping++) {
      vi.advanceTimersByTime(15_000);
      sockets[0]!.onmessage!({ data: '{"type":"pong","data":{}}' });
    }
    expect(sockets[0]!.said).toEqual(Array(2).fill('{"type":"ping"}'));
    expect(sockets).toHaveLength(1);
    vi.advanceTimersByTime(29_000);
    expect(seen.polls).toBe(0);
    vi.advanceTimersByTime(1600);
    expect(sockets).toHaveLength(2);
    sockets[0]!.onclose!();
    sockets[0]!.onmessage!({ data: '{"type":"progress","job_id":"j","data":{"progress":0.5}}' });
    expect(seen.jobs).toEqual([]);
    sockets[1]!.onopen!();
    expect(seen.gaps).toBe(2);
    vi.advanceTimersByTime(1100);
    expect(sockets).toHaveLength(2);
    live.stop();
  });
  test("says that the server is gone when it does not come back at once, and that it is there again", () => {
    const { live, sockets, seen } = feed();
    sockets[0]!.onopen!();
    sockets[0]!.onclose!();
    expect(seen.reached).toEqual([true]);
    vi.advanceTimersByTime(600);
    sockets[1]!.onclose!();
    expect(seen.reached).toEqual([true, false]);
    vi.advanceTimersByTime(1100);
    sockets[2]!.onopen!();
    expect(seen.reached).toEqual([true, false, true]);
    live.stop();
    expect(seen.reached).toHaveLength(3);
  });
  test("does not wait for its turn when the connection is back, and never has two", () => {
    const { live, sockets } = feed();
    live.wake();
    expect(sockets).toHaveLength(1);
    sockets[0]!.onclose!();
    live.wake();
    live.wake();
    expect(sockets).toHaveLength(2);
    vi.advanceTimersByTime(60_000);
    expect(sockets).toHaveLength(2);
    sockets[1]!.onclose!();
    live.stop();
    live.wake();
    expect(sockets).toHaveLength(2);
  });
  test("waits longer each time, within bounds", () => {
    expect(reconnectDelay(0, 0)).toBe(250);
    expect(reconnectDelay(3, 1)).toBe(4000);
    expect(reconnectDelay(50, 1)).toBe(30_000);
  });
});
