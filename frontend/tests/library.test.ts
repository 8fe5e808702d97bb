import { describe, expect, test } from "vitest";
import type { Track } from "@/lib/api/client";
import { MOST_AT_ONCE, sameChanges } from "@/lib/change-tracks";
import { lineage, type Branch } from "@/lib/lineage";
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
