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
  usePlayer.setState({ queue: [], index: -1, trail: [], shuffle: false, repeat: "off", time: 0, failed: false });
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
    expect(readQueue(JSON.stringify({ queue: [item("x", { src: "https://elsewhere/x" })], index: 0 }))).toBeNull();
  });
});

describe("what could not be played", () => {
  test("is tried again from where it stopped", () => {
    player().play([item("a")]);
    usePlayer.setState({ failed: true, playing: false, time: 6 });
    player().toggle();
    expect(player().failed).toBe(false);
    expect(engine.load).toHaveBeenCalledTimes(2);
    expect(engine.seek).toHaveBeenLastCalledWith(6);
  });
});
