import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { undoable } from "@/lib/undoable";

const toasts = vi.hoisted(() => ({ undo: () => {}, dismissed: 0, held: false }));
vi.mock("sonner", () => ({
  toast: Object.assign(
    (_message: string, { action }: { action: { onClick: () => void } }) => {
      toasts.undo = action.onClick;
      return 1;
    },
    { dismiss: () => (toasts.dismissed += 1) },
  ),
}));

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("document", { querySelector: () => ({ matches: () => toasts.held }) });
  Object.assign(toasts, { dismissed: 0, held: false });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("what was not undone is done once, after the time of grace", () => {
  const done = vi.fn();
  const restored = vi.fn();
  undoable("gone", "Undo", done, restored);
  vi.advanceTimersByTime(7900);
  expect(done).not.toHaveBeenCalled();
  vi.advanceTimersByTime(60_000);
  toasts.undo();
  expect([done.mock.calls.length, restored.mock.calls.length, toasts.dismissed]).toEqual([1, 0, 1]);
});

test("whoever is at the toast has time to undo", () => {
  const done = vi.fn();
  const restored = vi.fn();
  undoable("gone", "Undo", done, restored);
  toasts.held = true;
  vi.advanceTimersByTime(60_000);
  toasts.undo();
  toasts.held = false;
  vi.advanceTimersByTime(60_000);
  expect([done.mock.calls.length, restored.mock.calls.length]).toEqual([0, 1]);
});

test("it goes on when they have left the toast, and is called off without a word", () => {
  const done = vi.fn();
  undoable("gone", "Undo", done, vi.fn());
  toasts.held = true;
  vi.advanceTimersByTime(60_000);
  toasts.held = false;
  vi.advanceTimersByTime(1000);
  expect(done).toHaveBeenCalledTimes(1);
  undoable("gone", "Undo", done, vi.fn())();
  vi.advanceTimersByTime(60_000);
  expect(done).toHaveBeenCalledTimes(1);
});
