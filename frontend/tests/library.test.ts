import { describe, expect, test } from "vitest";
import type { Track } from "@/lib/api/client";
import { MOST_AT_ONCE, sameChanges } from "@/lib/change-tracks";
import { partsArrangement } from "@/lib/audio/edits";
import { passedAt, PIN_PIXELS, pinsAlong } from "@/lib/comment-pins";
import { lineage, type Branch } from "@/lib/lineage";
import { MOST_PARTS, partName, partsHref, partsOf, readParts } from "@/lib/parts";
import { sharedHref, shareIdOf, withValue } from "@/lib/sharing";
import { tokenOf } from "@/components/account/mail-token";

const track = (id: string, more: Partial<Track> = {}) =>
  ({ id, tags: [], project_id: null, ...more }) as never as Track;

describe("changes of many tracks", () => {
  test("go together where they are the same, and in parts that the server takes", () => {
    const many = Array.from({ length: MOST_AT_ONCE + 1 }, (_, at) => track(`t${at}`));
    const parts = sameChanges(many, () => ({ trashed: true }));
    expect(parts.map(({ ids }) => ids.length)).toEqual([MOST_AT_ONCE, 1]);
    expect(parts.flatMap(({ ids }) => ids)).toEqual(many.map(({ id }) => id));
  });
  test("are undone for each track as it was", () => {
    const tracks = [track("a", { project_id: "p" }), track("b"), track("c", { project_id: "p" })];
    expect(sameChanges(tracks, ({ project_id }) => ({ project_id }))).toEqual([
      { change: { project_id: "p" }, ids: ["a", "c"] },
      { change: { project_id: null }, ids: ["b"] },
    ]);
  });
  test("of nothing are nothing", () => expect(sameChanges([], () => ({ trashed: true }))).toEqual([]));
});

describe("the tree of versions", () => {
  type Node = { id: string; parent_id: string | null; created_at: string };
  const made = (id: string, parent_id: string | null, created_at: string): Node => ({ id, parent_id, created_at });
  const names = (branches: Branch<Node>[]): unknown[] =>
    branches.map(({ track: { id }, branches: further }) => (further.length ? [id, names(further)] : id));
  test("hangs what was made under what it was made from, oldest first", () => {
    const tracks = [made("c", "a", "3"), made("b", "a", "2"), made("d", "b", "4"), made("a", null, "1")];
    expect(names(lineage(tracks))).toEqual([["a", [["b", ["d"]], "c"]]]);
  });
  test("begins where what came before may not be seen", () =>
    expect(names(lineage([made("b", "hidden", "2"), made("a", null, "1")]))).toEqual(["a", "b"]));
  test("shows each once, even in a ring", () =>
    expect(names(lineage([made("a", "b", "1"), made("b", "a", "2")]))).toEqual([["a", ["b"]]]));
});

describe("comments along a waveform", () => {
  const said = (id: string, position: number | null) => ({ id, position });
  const ids = (pins: { comments: { id: string }[] }[]) => pins.map(({ comments }) => comments.map(({ id }) => id));
  test("stand where they belong, those that would touch as one", () => {
    const comments = [said("late", 99), said("all", null), said("b", 50.5), said("a", 50), said("first", 0)];
    const pins = pinsAlong(comments, 100, 1000);
    expect(ids(pins)).toEqual([["first"], ["a", "b"], ["late"]]);
    expect(pins.map(({ at }) => at)).toEqual([0.014, 0.5, 0.986]);
    expect(ids(pinsAlong(comments, 100, 10_000))).toEqual([["first"], ["a"], ["b"], ["late"]]);
  });
  test("never lie closer than a finger is wide", () => {
    const many = Array.from({ length: 400 }, (_, at) => said(`${at}`, at / 4));
    const pins = pinsAlong(many, 100, 360);
    for (const [at, pin] of pins.slice(1).entries())
      expect((pin.at - pins[at]!.at) * 360).toBeGreaterThanOrEqual(PIN_PIXELS - 1);
    expect(pins.flatMap(({ comments }) => comments)).toHaveLength(400);
  });
  test.each([
    [100, 0],
    [0, 100],
    [NaN, 100],
  ])("are none without a length or room (%s s, %s px)", (duration, width) => {
    expect(pinsAlong([said("a", 1)], duration, width)).toEqual([]);
  });
  test("are read out while the music passes them", () => {
    const comments = [said("a", 1), said("all", null), said("b", 3)];
    expect([0, 1, 2, 3, 6, 8, -1].map((time) => passedAt(comments, time)?.id)).toEqual([
      undefined,
      "a",
      "a",
      "b",
      "b",
      undefined,
      undefined,
    ]);
  });
});

describe("the parts of a track", () => {
  const part = (id: string, job_id: string, more: object = {}) =>
    track(id, { parent_id: "t", relation: "stem", job_id, ...more } as never);
  test("are those of its last separation", () => {
    const versions = [
      track("t"),
      part("old", "j1"),
      part("voice", "j2"),
      part("mix", "j3", { relation: "mix" }),
      part("band", "j2"),
      part("of another", "j4", { parent_id: "u" }),
    ];
    expect(partsOf(track("t"), versions).map(({ id }) => id)).toEqual(["voice", "band"]);
    expect(partsOf(track("t"), [track("t")])).toEqual([]);
  });
  test("are named in an address, each once and not too many", () => {
    expect(partsHref("t", ["a", "b"])).toBe("/studio/?track=t&parts=a,b");
    expect(readParts("a,b,,a")).toEqual(["a", "b"]);
    expect(readParts(undefined)).toEqual([]);
    expect(readParts(Array.from({ length: 99 }, (_, at) => at).join(","))).toHaveLength(MOST_PARTS);
  });
  test("are each a channel of one mix, from the rhythm up", () => {
    const parts = [
      {
        id: "v",
        duration: 9,
        name: partName(track("v", { spec: { stem: "vocals" }, title: "Song (vocals)" } as never)),
      },
      { id: "d", duration: 8, name: partName(track("d", { spec: null, title: "drums" } as never)) },
    ];
    const { channels } = partsArrangement("Song", parts);
    expect(
      channels.map(({ id, name, trackId, stem, sourceLength }) => [id, name, trackId, stem, sourceLength]),
    ).toEqual([
      ["part-1", "drums", "d", "", 8],
      ["part-2", "vocals", "v", "", 9],
    ]);
  });
});

describe("a link to a track", () => {
  test("keeps its token out of what servers see, and gives it back", () => {
    const address = new URL(sharedHref("https://music.example", "mgs_a+b/&=ü"));
    expect([address.pathname, address.search]).toEqual(["/shared/", ""]);
    expect(tokenOf(address.hash)).toBe("mgs_a+b/&=ü");
  });
  test("is told by its id and takes further values", () => {
    const signed = "/api/v1/shared/0198-ab/audio?expires=1&signature=x%3D";
    expect(shareIdOf(signed)).toBe("0198-ab");
    expect(withValue(signed, "format", "mp3")).toBe(`${signed}&format=mp3`);
    expect(withValue("/audio", "download", true)).toBe("/audio?download=true");
    expect(shareIdOf("https://elsewhere.example/")).toBe("");
  });
});
