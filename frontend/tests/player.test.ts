import { beforeEach, describe, expect, test, vi } from "vitest";
import { engine } from "@/lib/audio/player-engine";
import { keptQueue, readQueue, shuffled, usePlayer, type Playable } from "@/stores/player";

const item = (id: string, more: Partial<Playable> = {}): Playable => ({
  id,
  title: id.toUpperCase(),
  artist: "ada",
  src: `/audio/${id}`,
  duration: 10,
  ...more,
});
const player = () => usePlayer.getState();
const ids = () => player().queue.map(({ id }) => id);

beforeEach(() => {
  // The sound itself is the browser's.
  for (const name of ["load", "play", "pause", "stop", "seek", "settle"] as const)
    vi.spyOn(engine, name).mockImplementation(() => undefined);
  usePlayer.setState({ ...usePlayer.getInitialState() });
  return () => vi.restoreAllMocks();
});

describe("shuffle", () => {
  const list = ["a", "b", "c", "d"].map((id) => item(id));
  test("takes any entry that had no turn yet, each as likely", () => {
    expect([0, 0.34, 0.67, 0.99].map((value) => shuffled(1, list, [], "off", () => value))).toEqual([0, 2, 3, 3]);
    expect([0, 0.9].map((value) => shuffled(1, list, [list[0]!, list[3]!], "off", () => value))).toEqual([2, 2]);
  });
  test("ends when all had their turn, or begins another round", () => {
    const trail = [list[0]!, list[2]!, list[3]!];
    expect(shuffled(1, list, trail, "off", () => 0)).toBeNull();
    expect(shuffled(1, list, trail, "all", () => 0)).toBe(0);
    expect(shuffled(0, [list[0]!], [], "all", () => 0)).toBeNull();
  });
  test("plays a list once through, and goes back the way it came", () => {
    player().play(list);
    player().toggleShuffle();
    const heard = ["a"];
    for (let turn = 0; turn < 3; turn += 1) {
      player().next(true);
      heard.push(player().current()!.id);
    }
    expect([...heard].sort()).toEqual(["a", "b", "c", "d"]);
    player().next(true);
    expect(player().current()!.id).toBe(heard[3]);
    player().previous();
    player().previous();
    expect(player().current()!.id).toBe(heard[1]);
  });
  test("begins anew with another list", () => {
    player().play(list);
    player().next();
    player().play([item("x"), item("y")]);
    expect(player().trail).toEqual([]);
  });
});

describe("the queue", () => {
  const list = ["a", "b", "c", "d"].map((id) => item(id));
  test.each([
    [0, 3, ["b", "c", "d", "a"], "b"],
    [3, 0, ["d", "a", "b", "c"], "b"],
    [1, 2, ["a", "c", "b", "d"], "b"],
    [2, 1, ["a", "c", "b", "d"], "b"],
    [2, 3, ["a", "b", "d", "c"], "b"],
    [0, -1, ["a", "b", "c", "d"], "b"],
    [3, 4, ["a", "b", "c", "d"], "b"],
    [9, 0, ["a", "b", "c", "d"], "b"],
  ])("moved from %i to %i keeps on what is on", (from, to, order, on) => {
    player().play(list, 1);
    player().move(from, to);
    expect(ids()).toEqual(order);
    expect(player().current()!.id).toBe(on);
  });
  test("cleared leaves what is on", () => {
    player().play(list, 2);
    player().clear();
    expect(ids()).toEqual(["c"]);
    expect(player().current()!.id).toBe("c");
  });
  test("is taken up after a reload where it was, without playing, and without takes that may be over", () => {
    player().play([item("live", { live: true }), ...list], 2);
    usePlayer.setState({ time: 4.5, repeat: "all" });
    const kept = readQueue(keptQueue(player()))!;
    usePlayer.setState({ queue: [], index: -1 });
    vi.mocked(engine.play).mockClear();
    player().resume(kept);
    expect(ids()).toEqual(["a", "b", "c", "d"]);
    expect([player().current()!.id, player().time, player().repeat]).toEqual(["b", 4.5, "all"]);
    expect(engine.seek).toHaveBeenLastCalledWith(4.5);
    expect(engine.play).not.toHaveBeenCalled();
    player().resume({ ...kept, queue: [item("z")], index: 0 });
    expect(ids()).toEqual(["a", "b", "c", "d"]);
  });
  test("that was spoilt, is empty or names another server is not taken up", () => {
    expect(keptQueue({ queue: [item("x", { live: true })], index: 0, time: 0, shuffle: false, repeat: "off" })).toBe(
      "",
    );
    for (const text of [null, "", "{", "[]", "7", '{"queue":[]}', '{"queue":[{}],"index":0}'])
      expect(readQueue(text)).toBeNull();
    for (const more of [{ src: "https://elsewhere/x" }, { cover: "https://elsewhere/x" }, { cover: "//elsewhere/x" }])
      expect(readQueue(JSON.stringify({ queue: [item("x", more)], index: 0 }))).toBeNull();
    expect(readQueue(JSON.stringify({ queue: [item("x", { cover: "/x" })], index: 0 }))?.queue[0]!.cover).toBe("/x");
  });
});

describe("what is taken out", () => {
  const list = ["a", "b", "c", "d"].map((id) => item(id));
  const begin = (index: number, playing = true) => {
    player().play(list, index);
    usePlayer.setState({ playing, waiting: false, time: 7 });
    vi.mocked(engine.play).mockClear();
  };
  test("leaves nothing of itself behind: no length, no place, no failure", () => {
    player().play([item("long", { duration: 300 }), item("short", { duration: 20 })]);
    usePlayer.setState({ failed: true, playing: false, waiting: true, time: 120 });
    player().remove(0);
    expect(player()).toMatchObject({ duration: 20, time: 0, failed: false, waiting: false, index: 0 });
    player().remove(0);
    expect(player()).toMatchObject({ duration: 0, time: 0, failed: false, index: -1, queue: [] });
    expect(player().current()).toBeUndefined();
  });
  test("hands over to what follows while it plays, and rests where nothing follows", () => {
    begin(1);
    player().remove(1);
    expect([player().current()!.id, player().waiting]).toEqual(["c", true]);
    expect(engine.play).toHaveBeenCalledTimes(1);
    begin(3);
    player().remove(3);
    expect([player().current()!.id, player().playing]).toEqual(["c", false]);
    expect(engine.play).not.toHaveBeenCalled();
    begin(3);
    usePlayer.setState({ repeat: "all" });
    player().remove(3);
    expect(player().current()!.id).toBe("a");
    expect(engine.play).toHaveBeenCalledTimes(1);
  });
  test("starts nothing while the player rests", () => {
    begin(1, false);
    player().remove(1);
    expect(player().current()!.id).toBe("c");
    expect(engine.load).toHaveBeenLastCalledWith("/audio/c", 10);
    expect(engine.play).not.toHaveBeenCalled();
  });
  test.each([
    [0, "c", 1],
    [3, "c", 2],
    [9, "c", 2],
    [-1, "c", 2],
  ])("at %i does not disturb what plays", (at, on, index) => {
    begin(2);
    player().remove(at);
    expect([player().current()!.id, player().index, player().time]).toEqual([on, index, 7]);
  });
  test("is not on the way back of the shuffle, and nobody returns to it", () => {
    begin(0);
    player().toggleShuffle();
    vi.spyOn(Math, "random").mockReturnValue(0);
    player().next();
    player().next();
    expect(player().trail.map(({ id }) => id)).toEqual(["a", "b"]);
    player().remove(1);
    expect(player().trail.map(({ id }) => id)).toEqual(["a"]);
    player().previous();
    expect(player().current()!.id).toBe("a");
  });
  test("while shuffled hands over to something that had no turn", () => {
    begin(0);
    player().toggleShuffle();
    vi.spyOn(Math, "random").mockReturnValue(0);
    player().next();
    usePlayer.setState({ playing: true });
    player().remove(1);
    expect(player().current()!.id).toBe("c");
  });
  test("leaves wherever it stands when it is forgotten", () => {
    player().play([item("x"), item("a"), item("x"), item("b"), item("x")], 1);
    player().forget("x");
    expect(ids()).toEqual(["a", "b"]);
    expect(player().current()!.id).toBe("a");
    player().forget("nobody");
    expect(ids()).toEqual(["a", "b"]);
  });
});

describe("a take that became a track", () => {
  test("had its turn under shuffle, and is found on the way back", () => {
    player().play([item("job", { live: true }), item("a"), item("b")]);
    player().toggleShuffle();
    vi.spyOn(Math, "random").mockReturnValue(0);
    player().next(true);
    player().settle("job", item("track", { duration: 42 }));
    expect(ids()).toEqual(["track", "a", "b"]);
    expect(player().trail).toEqual([player().queue[0]]);
    player().next(true);
    expect(player().current()!.id).toBe("b");
    player().next(true);
    expect(player().current()!.id).toBe("b");
    player().previous();
    player().previous();
    expect(player().current()!.id).toBe("track");
  });
  test("goes on in its file, however often it is queued", () => {
    player().play([item("job", { live: true }), item("job", { live: true })], 1);
    player().settle("job", item("track", { duration: 42 }));
    expect(ids()).toEqual(["track", "track"]);
    expect(player().queue[0]).not.toBe(player().queue[1]);
    expect(player().duration).toBe(42);
    expect(engine.settle).toHaveBeenCalledExactlyOnceWith("/audio/track", 42);
  });
});

describe("a track that got another picture", () => {
  test("shows it wherever it stands, and goes on as it was", () => {
    player().play([item("a"), item("b"), item("a")]);
    player().next();
    vi.mocked(engine.load).mockClear();
    player().dress("a", "/covers/a");
    expect(player().queue.map(({ cover }) => cover)).toEqual(["/covers/a", undefined, "/covers/a"]);
    expect(player().trail).toEqual([player().queue[0]]);
    expect(player().trail[0]).toBe(player().queue[0]);
    expect(engine.load).not.toHaveBeenCalled();
    const { queue } = player();
    player().dress("nobody", "/covers/nobody");
    expect(player().queue).toBe(queue);
  });
});

describe("the end of a song", () => {
  const list = [item("a"), item("b")];
  test.each([
    ["off", 0, "b", 2],
    ["off", 1, "b", 1],
    ["all", 1, "a", 2],
    ["one", 1, "b", 2],
  ] as const)("with repeat %s at %i", (repeat, index, on, loads) => {
    player().play(list, index);
    usePlayer.setState({ repeat });
    player().next(true);
    expect(player().current()!.id).toBe(on);
    expect(engine.load).toHaveBeenCalledTimes(loads);
  });
  test("begins a single song again with repeat all, shuffled or not", () => {
    player().play([item("a")]);
    usePlayer.setState({ repeat: "all", shuffle: true });
    player().next(true);
    expect(engine.load).toHaveBeenCalledTimes(2);
  });
});

describe("a player with nothing on", () => {
  test("does nothing, whatever is pressed", () => {
    player().play([]);
    for (const press of ["next", "previous", "toggle", "clear", "retry"] as const) player()[press]();
    player().jump(3);
    player().remove(0);
    expect(player()).toMatchObject({ queue: [], index: -1, playing: false, failed: false });
    for (const name of ["load", "play", "seek"] as const) expect(engine[name]).not.toHaveBeenCalled();
  });
  test("keeps what is on when an empty list is put on, and begins within the list", () => {
    player().play([item("a")]);
    player().play([]);
    expect(ids()).toEqual(["a"]);
    player().play([item("x"), item("y")], 99);
    expect(player().current()!.id).toBe("y");
    player().play([item("x"), item("y")], Number.NaN);
    expect(player().current()!.id).toBe("x");
  });
  test("takes no place and no volume that is no number", () => {
    vi.stubGlobal("localStorage", { setItem: vi.fn(), getItem: () => null });
    const louder = vi.spyOn(engine, "setVolume").mockImplementation(() => undefined);
    player().play([item("a")]);
    player().seek(Number.NaN);
    expect(engine.seek).not.toHaveBeenCalled();
    player().setVolume(Number.NaN);
    expect(louder).not.toHaveBeenCalled();
    player().setVolume(7);
    expect(louder).toHaveBeenLastCalledWith(1);
    vi.unstubAllGlobals();
  });
});

describe("what could not be played", () => {
  const answering = (answer: () => Promise<unknown>) => {
    const asked = vi.fn(answer);
    vi.stubGlobal("fetch", asked);
    return asked;
  };
  beforeEach(() => () => vi.unstubAllGlobals());
  test("and was deleted elsewhere leaves the queue, and the music goes on", async () => {
    const asked = answering(() => Promise.resolve({ status: 404 }));
    player().play([item("a"), item("b")]);
    await player().fail();
    expect(asked).toHaveBeenCalledWith("/audio/a", { method: "HEAD", credentials: "same-origin" });
    expect(ids()).toEqual(["b"]);
    expect(player()).toMatchObject({ failed: false, waiting: true, index: 0, lost: { id: "a" } });
    expect(engine.load).toHaveBeenLastCalledWith("/audio/b", 10);
    await player().fail();
    expect(player()).toMatchObject({ queue: [], index: -1, failed: false, duration: 0 });
  });
  test.each([401, 403, 429, 500, 503])("and was answered with %i stays, to be tried again", async (status) => {
    answering(() => Promise.resolve({ status }));
    player().play([item("a"), item("b")]);
    await player().fail();
    expect(player()).toMatchObject({ failed: true, index: 0, lost: null });
    expect(ids()).toEqual(["a", "b"]);
  });
  test("without a connection stays as well, and a take in the making is not asked after", async () => {
    const asked = answering(() => Promise.reject(new TypeError("offline")));
    player().play([item("a")]);
    await player().fail();
    expect(player()).toMatchObject({ failed: true, index: 0 });
    player().play([item("job", { live: true })]);
    await player().fail();
    expect(player().failed).toBe(true);
    expect(asked).toHaveBeenCalledTimes(1);
  });
  test("does not take off what was put on meanwhile", async () => {
    let say = (_: unknown) => {};
    answering(() => new Promise((resolve) => (say = resolve)));
    player().play([item("a"), item("b")]);
    const failing = player().fail();
    player().next();
    say({ status: 404 });
    await failing;
    expect(ids()).toEqual(["a", "b"]);
    expect(player().current()!.id).toBe("b");
  });
  test("is tried again from where it stopped", () => {
    player().play([item("a")]);
    usePlayer.setState({ failed: true, playing: false, time: 6 });
    player().toggle();
    expect(player().failed).toBe(false);
    expect(engine.load).toHaveBeenCalledTimes(2);
    expect(engine.seek).toHaveBeenLastCalledWith(6);
  });
});
