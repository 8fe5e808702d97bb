import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Autosave } from "@/lib/autosave";
import { freshArrangement } from "@/lib/audio/edits";
import { keptText } from "@/lib/audio/kept";

/** A browser's store that two tabs share. */
class Store {
  values = new Map<string, string>();
  full = false;
  getItem(key: string) {
    return this.values.get(key) ?? null;
  }
  setItem(key: string, value: string) {
    if (this.full) throw new DOMException("full", "QuotaExceededError");
    this.values.set(key, value);
  }
}

describe("a project that two tabs have open", () => {
  let store: Store;
  let told: boolean[];
  const tab = () =>
    new Autosave(
      () => store,
      "p",
      (conflict) => told.push(conflict),
    );
  beforeEach(() => {
    store = new Store();
    told = [];
  });

  test("is kept by one of them as often as it likes", () => {
    const one = tab();
    expect([one.keep("1"), one.keep("2"), one.text, told]).toEqual([true, true, "2", []]);
  });
  test("is not written over by the other: that one hears of it once, and what was kept stays", () => {
    const [one, two] = [tab(), tab()];
    one.keep("of one");
    expect([two.keep("of two"), two.keep("of two again")]).toEqual([false, false]);
    expect([store.getItem("p"), told]).toEqual(["of one", [true]]);
    expect(one.keep("of one, later")).toBe(true);
  });
  test("is no conflict where both came to the same, or somebody cleared the store", () => {
    const [one, two] = [tab(), tab()];
    one.keep("same");
    expect(two.keep("same")).toBe(true);
    store.values.clear();
    expect([two.keep("next"), told]).toEqual([true, []]);
  });
  test("is settled for either side", () => {
    const [one, two] = [tab(), tab()];
    one.keep("of one");
    two.keep("of two");
    expect([two.overwrite("of two"), store.getItem("p"), told]).toEqual([true, "of two", [true, false]]);
    expect(two.keep("of two, later")).toBe(true);
    expect(one.keep("of one, later")).toBe(false);
    expect([one.take(), told]).toEqual(["of two, later", [true, false, true, false]]);
    expect(one.keep("together")).toBe(true);
  });
  test("is followed by a tab that has nothing of its own, and by no other", () => {
    const [one, two, three] = [tab(), tab(), tab()];
    one.keep("of one");
    expect([two.heard(false), two.heard(false), told]).toEqual(["of one", null, []]);
    expect([three.heard(true), told]).toEqual([null, [true]]);
  });
  test("goes on in a store that is full, without a word", () => {
    const one = tab();
    store.full = true;
    expect([one.keep("1"), one.overwrite("1"), one.text, told]).toEqual([false, false, null, []]);
  });
});

describe("the studio", () => {
  const heard: Record<string, (event: { key: string }) => void> = {};
  let store: Store;
  beforeEach(() => {
    store = new Store();
    vi.useFakeTimers();
    vi.resetModules();
    vi.stubGlobal("localStorage", store);
    vi.stubGlobal("window", {});
    vi.stubGlobal("addEventListener", (kind: string, listener: (event: { key: string }) => void) => {
      heard[kind] = listener;
    });
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });
  const key = "studio.project.t1";
  const fresh = () => freshArrangement({ id: "t1", title: "Song", duration: 10, stems: ["drums"] });
  const others = (title: string) => store.setItem(key, keptText({ ...fresh(), title }));
  const opened = async () => {
    const { useStudio } = await import("@/stores/studio");
    useStudio.getState().open("t1", 120, fresh());
    return useStudio;
  };

  test("follows what another tab kept while nothing waits here, and can go back", async () => {
    const studio = await opened();
    studio.getState().edit("title", () => ({ title: "Mine" }));
    vi.runAllTimers();
    others("Theirs");
    heard.storage!({ key });
    expect([studio.getState().title, studio.getState().conflict]).toEqual(["Theirs", false]);
    studio.getState().undo();
    expect(studio.getState().title).toBe("Mine");
  });
  test("asks whose counts when both changed it; either answer is kept, and theirs can be undone", async () => {
    const studio = await opened();
    studio.getState().edit("title", () => ({ title: "Mine" }));
    others("Theirs");
    vi.runAllTimers();
    expect([studio.getState().conflict, JSON.parse(store.getItem(key)!).title]).toEqual([true, "Theirs"]);
    studio.getState().settle("other");
    expect([studio.getState().conflict, studio.getState().title]).toEqual([false, "Theirs"]);
    studio.getState().undo();
    vi.runAllTimers();
    expect([studio.getState().title, JSON.parse(store.getItem(key)!).title]).toEqual(["Mine", "Mine"]);
    studio.getState().edit("title", () => ({ title: "Mine again" }));
    others("Theirs again");
    heard.storage!({ key: "studio.project.other" });
    expect(studio.getState().conflict).toBe(false);
    heard.storage!({ key });
    expect(studio.getState().conflict).toBe(true);
    studio.getState().settle("this");
    expect([studio.getState().conflict, JSON.parse(store.getItem(key)!).title]).toEqual([false, "Mine again"]);
  });
});
