import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { toast } from "sonner";
import { coverUrl } from "@/lib/cover-url";
import { fileProblem, sizeProblem } from "@/lib/pictures";
import { undoable } from "@/lib/undoable";

describe("a file that is to be a picture", () => {
  test.each([
    ["image/png", 1, null],
    ["image/jpeg", 10 * 1024 ** 2, null],
    ["image/webp", 5000, null],
    ["image/jpeg", 10 * 1024 ** 2 + 1, "heavy"],
    ["image/png", 0, "empty"],
    ["image/svg+xml", 500, "kind"],
    ["image/gif", 500, "kind"],
    ["text/html", 500, "kind"],
    ["", 500, "kind"],
  ])("of the kind %s with %i bytes: %s", (type, size, problem) => {
    expect(fileProblem({ type, size })).toBe(problem);
  });
  test.each([
    [64, 64, null],
    [63, 4000, "small"],
    [0, 0, "small"],
    [8000, 5000, null],
    [8000, 5001, "large"],
    [12_000, 100, null],
    [12_001, 100, "large"],
  ])("of %i × %i pixels: %s", (width, height, problem) => {
    expect(sizeProblem(width, height)).toBe(problem);
  });
});

describe("the address of a picture", () => {
  test("is another one for another picture, and names the drawn one where none is known", () => {
    expect(coverUrl({ id: "a b", cover_version: "0f" })).toBe("/api/v1/tracks/a%20b/cover?version=0f");
    expect(coverUrl({ id: "t", cover_version: "" })).toBe("/api/v1/tracks/t/cover?drawn=true");
  });
});

describe("what can be undone for a while", () => {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal("document", { querySelector: () => null });
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });
  test("and was called off happens no more, and its toast goes", () => {
    const dismiss = vi.spyOn(toast, "dismiss").mockReturnValue("");
    const [commit, restore] = [vi.fn(), vi.fn()];
    const callOff = undoable("gone", "undo", commit, restore);
    callOff();
    callOff();
    vi.runAllTimers();
    expect(commit).not.toHaveBeenCalled();
    expect(restore).not.toHaveBeenCalled();
    expect(dismiss).toHaveBeenCalledTimes(1);
  });
  test("happens once when nobody calls it off in time", () => {
    const commit = vi.fn();
    const callOff = undoable("gone", "undo", commit, vi.fn());
    vi.runAllTimers();
    callOff();
    expect(commit).toHaveBeenCalledTimes(1);
  });
});
