import { beforeEach, expect, test, vi } from "vitest";
import { forgetJobs, keepJob, keptJob } from "@/lib/kept-jobs";

beforeEach(() => {
  const kept: Record<string, string> = {};
  Object.defineProperties(kept, {
    getItem: { value: (key: string) => kept[key] ?? null },
    setItem: { value: (key: string, text: string) => (kept[key] = text) },
    removeItem: { value: (key: string) => delete kept[key] },
  });
  vi.stubGlobal("sessionStorage", kept);
});

test("a job is known by its place until it is over", () => {
  keepJob("bounce.a", "job_1");
  keepJob("master.b", "job_2");
  expect([keptJob("bounce.a"), keptJob("master.b"), keptJob("bounce.c")]).toEqual(["job_1", "job_2", null]);
  keepJob("bounce.a", null);
  expect([keptJob("bounce.a"), keptJob("master.b")]).toEqual([null, "job_2"]);
});

test("who signs out leaves no job, and nothing else is taken away", () => {
  sessionStorage.setItem("studio.queue", "kept");
  keepJob("bounce.a", "job_1");
  forgetJobs();
  expect(keptJob("bounce.a")).toBeNull();
  expect(sessionStorage.getItem("studio.queue")).toBe("kept");
});
