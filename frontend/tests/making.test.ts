import { beforeEach, describe, expect, test, vi } from "vitest";
import { mixedDown, wavFile } from "@/lib/audio/wav-file";
import { groupTakes } from "@/lib/take-groups";
import { draftRequest, EMPTY_DRAFT } from "@/stores/draft";

describe("a recording as a file", () => {
  test("is a mono WAV of 16 bits; what is too loud is cut off, what is no number is silence", () => {
    const bytes = wavFile(Float32Array.from([0, 1, -1, 2, -2, Number.NaN, 0.5]), 48_000);
    const view = new DataView(bytes.buffer);
    const text = (from: number, to: number) => String.fromCharCode(...bytes.subarray(from, to));
    expect([text(0, 4), text(8, 16), text(36, 40)]).toEqual(["RIFF", "WAVEfmt ", "data"]);
    expect(view.getUint32(4, true)).toBe(bytes.length - 8);
    expect([20, 22, 32, 34].map((at) => view.getUint16(at, true))).toEqual([1, 1, 2, 16]);
    expect([view.getUint32(24, true), view.getUint32(28, true), view.getUint32(40, true)]).toEqual([
      48_000, 96_000, 14,
    ]);
    expect([0, 1, 2, 3, 4, 5, 6].map((at) => view.getInt16(44 + at * 2, true))).toEqual([
      0, 32767, -32767, 32767, -32767, 0, 16384,
    ]);
  });
  test("of several channels is their mean", () => {
    const channels = [Float32Array.from([1, 0]), Float32Array.from([0, -1])];
    const sound = { length: 2, numberOfChannels: 2, sampleRate: 8000, getChannelData: (at: number) => channels[at]! };
    expect([...mixedDown(sound as never)]).toEqual([0.5, -0.5]);
  });
});

describe("what a take begins with", () => {
  const model = (...parameters: string[]) => ({ parameters, max_duration: 300 });
  const draft = {
    ...EMPTY_DRAFT,
    advanced: true,
    prompt: "x",
    melodyId: "m1",
    styleId: "s1",
    continueFromId: "t1",
    continueAt: "12,5",
    structure: [{ section: "verse", bars: 8, prompt: " only voice " }],
  };
  test("is asked for where the model takes it, and only there", () => {
    expect(draftRequest(draft, model("melody_id", "continue_from_id", "continue_at", "structure"))).toMatchObject({
      melody_id: "m1",
      continue_from_id: "t1",
      continue_at: 12.5,
      structure: [{ section: "verse", bars: 8, prompt: "only voice" }],
    });
    const plain = draftRequest(draft, model());
    for (const name of ["melody_id", "style_id", "continue_from_id", "continue_at"])
      expect(plain).not.toHaveProperty(name);
    expect(draftRequest(draft, model("style_id")).style_id).toBe("s1");
  });
  test("keeps the song's own tempo and key where notes go on, and adds the length to it", () => {
    const composer = {
      ...model("continue_from_id", "continue_at", "bpm", "key", "spec"),
      continues_from: "notes" as const,
    };
    const going = { ...draft, bpm: "90", tonic: "D", instruments: ["piano"], structure: [], duration: 30 };
    const asked = draftRequest({ ...going, continueFromSeconds: 40 }, composer);
    for (const name of ["bpm", "key", "spec"]) expect(asked).not.toHaveProperty(name);
    expect(asked).toMatchObject({ continue_at: 12.5, duration: 42.5 });
    expect(draftRequest({ ...going, continueFromSeconds: 40, continueAt: "" }, composer).duration).toBe(70);
    expect(draftRequest({ ...going, continueFromSeconds: 590, continueAt: "" }, composer).duration).toBe(300);
    expect(draftRequest({ ...going, continueFromSeconds: 0 }, composer)).not.toHaveProperty("duration");
    expect(draftRequest({ ...going, continueFromId: "", continueFromSeconds: 0 }, composer)).toMatchObject({
      bpm: 90,
      duration: 30,
    });
  });
  test("is nothing while the draft is a simple one, and no second without a track", () => {
    expect(draftRequest({ ...draft, advanced: false }, model("melody_id"))).not.toHaveProperty("melody_id");
    const without = { ...draft, continueFromId: "" };
    expect(draftRequest(without, model("continue_from_id", "continue_at"))).not.toHaveProperty("continue_at");
    expect(draftRequest({ ...draft, continueAt: "-3" }, model("continue_from_id", "continue_at"))).not.toHaveProperty(
      "continue_at",
    );
  });
  describe("kept for the tab", () => {
    beforeEach(() => {
      const kept = new Map([["studio.draft", JSON.stringify({ state: { prompt: "half an idea" }, version: 0 })]]);
      vi.stubGlobal("sessionStorage", {
        getItem: (key: string) => kept.get(key) ?? null,
        setItem: (key: string, value: string) => void kept.set(key, value),
        removeItem: (key: string) => void kept.delete(key),
      });
      return () => vi.unstubAllGlobals();
    });
    test("going on from a track leaves what was written", async () => {
      // The store looks for the tab's memory when it is made.
      vi.resetModules();
      const { continueFrom, useDraft } = await import("@/stores/draft");
      continueFrom({ id: "t9", title: "Nine", duration: 42 });
      expect(useDraft.getState()).toMatchObject({
        prompt: "half an idea",
        continueFromId: "t9",
        continueFromTitle: "Nine",
        continueFromSeconds: 42,
        advanced: true,
      });
    });
  });
});

describe("takes side by side", () => {
  const take = (id: string, second: number, request: object) => ({
    id,
    request: request as Record<string, unknown>,
    created_at: new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString(),
  });
  test("are those of one request, in their order", () => {
    const takes = [
      take("c", 31, { variation_of_id: "t1", prompt: "x" }),
      take("b", 30, { variation_of_id: "t1", prompt: "x" }),
      take("a", 29, { prompt: "x" }),
      take("z", 9, { prompt: "x" }),
    ];
    expect(groupTakes(takes).map((group) => group.map(({ id }) => id))).toEqual([["c", "b"], ["a"], ["z"]]);
    expect(groupTakes([])).toEqual([]);
  });
});
