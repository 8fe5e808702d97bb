import { QueryClient, QueryObserver } from "@tanstack/react-query";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Job } from "@/lib/api/client";
import { applyChange } from "@/lib/live/cached-jobs";
import { keys, recentJobs } from "@/lib/music";

const job = (status: Job["status"], progress = 0): Job => ({ id: "j1", kind: "generate", status, progress }) as Job;

describe("what an event says of a take", () => {
  let queries: QueryClient;
  let unsubscribe: () => void;
  /** The answers that the server still owes, oldest first. */
  let owed: ((jobs: Job[]) => void)[];

  const shown = () => queries.getQueryData<Job[]>(keys.jobs)?.[0];
  const asked = (times: number) => vi.waitFor(() => expect(owed).toHaveLength(times));
  const settled = () => vi.waitFor(() => expect(queries.isFetching()).toBe(0));

  beforeEach(() => {
    owed = [];
    queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
    unsubscribe = new QueryObserver(queries, {
      queryKey: keys.jobs,
      queryFn: () => new Promise<Job[]>((resolve) => owed.push(resolve)),
    }).subscribe(() => {});
  });
  afterEach(() => {
    unsubscribe();
    queries.clear();
  });

  test("an older answer that arrives later does not undo the end", async () => {
    owed[0]!([job("running")]);
    await settled();
    void queries.invalidateQueries({ queryKey: keys.jobs });
    await asked(2);
    applyChange(queries, "j1", { status: "cancelled" });
    await asked(3);
    owed[1]!([job("running", 0.01)]);
    owed[2]!([job("cancelled", 0.01)]);
    await settled();
    expect(shown()).toMatchObject({ status: "cancelled", progress: 0.01 });
  });

  test("the first answer, when it is older than the take, is not believed either", async () => {
    applyChange(queries, "j1", { status: "queued" });
    await asked(2);
    owed[0]!([]);
    owed[1]!([job("queued")]);
    await settled();
    expect(shown()).toMatchObject({ status: "queued" });
  });

  test("progress changes the take, asks nothing, and never revives it", async () => {
    owed[0]!([job("running")]);
    await settled();
    applyChange(queries, "j1", { status: "running", progress: 0.5 });
    expect(shown()).toMatchObject({ progress: 0.5 });
    applyChange(queries, "j1", { status: "succeeded", progress: 1 });
    applyChange(queries, "j1", { status: "running", progress: 0.9 });
    expect(shown()).toMatchObject({ status: "succeeded", progress: 1 });
    expect(owed).toHaveLength(1);
  });

  test("progress of a take that is not shown asks once, however often it comes", async () => {
    owed[0]!([]);
    await settled();
    for (let step = 0; step < 20; step += 1) applyChange(queries, "j1", { status: "running", progress: step / 20 });
    await asked(2);
    applyChange(queries, "j1", { status: "running", progress: 0.99 });
    owed[1]!([job("running", 0.9)]);
    await settled();
    expect(owed).toHaveLength(2);
    expect(shown()).toMatchObject({ progress: 0.9 });
  });
});

describe("the latest jobs", () => {
  const PAGE = 20;
  /** A server with these jobs, newest first, and how often it was asked. */
  const server = (jobs: Job[]) => ({
    asked: 0,
    async ask(this: { asked: number }, cursor: string | undefined) {
      this.asked += 1;
      const end = Number(cursor ?? 0) + PAGE;
      return { items: jobs.slice(end - PAGE, end), next_cursor: end < jobs.length ? String(end) : null };
    },
  });
  const many = (count: number, kind: string, status: Job["status"] = "succeeded") =>
    Array.from({ length: count }, (_, at) => ({ id: `${kind}${at}`, kind, status }) as Job);
  const read = async (jobs: Job[]) => {
    const there = server(jobs);
    const found = await recentJobs((cursor) => there.ask(cursor));
    return { found, asked: there.asked };
  };

  test("are one page where there are takes enough on it", async () => {
    const { found, asked } = await read(many(50, "generate"));
    expect([found.length, asked]).toEqual([20, 1]);
  });
  test("reach back to the takes that bounces and masters came after", async () => {
    const { found } = await read([...many(35, "mix"), ...many(12, "generate")]);
    expect(found.filter(({ kind }) => kind === "generate")).toHaveLength(12);
  });
  test("are all that still wait, and end", async () => {
    const { found } = await read([...many(45, "generate", "queued"), ...many(40, "generate")]);
    expect(found.filter(({ status }) => status === "queued")).toHaveLength(45);
    expect(await read(many(400, "mix"))).toMatchObject({ asked: 5 });
    expect(await read([])).toEqual({ found: [], asked: 1 });
  });
});
