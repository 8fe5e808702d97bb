import type { QueryClient } from "@tanstack/react-query";
import type { Job } from "@/lib/api/client";
import { isActive, keys } from "@/lib/music";

/**
 * Put what an event says into the list of takes. An answer that is still on its way may have been written before the event
 * and would undo it, for good when the event was the job's last: such an answer is dropped and asked for anew.
 */
export function applyChange(queries: QueryClient, id: string, change: Partial<Job>): void {
  const jobs = queries.getQueryData<Job[]>(keys.jobs);
  const known = jobs?.find((job) => job.id === id);
  const asking = queries.isFetching({ queryKey: keys.jobs }) > 0;
  if (!known) {
    // Progress comes many times a second: it drops no answer, or none would ever arrive.
    if (!asking) void queries.invalidateQueries({ queryKey: keys.jobs });
    else if (change.status !== "running") askAnew(queries);
    return;
  }
  // Progress that was said before the end may arrive after it.
  if (!isActive(known) && change.status === "running") return;
  queries.setQueryData<Job[]>(keys.jobs, (list) => list?.map((job) => (job.id === id ? { ...job, ...change } : job)));
  const ended = change.status !== undefined && !isActive({ status: change.status });
  if (ended && asking) askAnew(queries);
}

/** Ask again, not counting on an answer that is on its way (an invalidation alone lets a first one through). */
function askAnew(queries: QueryClient): void {
  void queries.cancelQueries({ queryKey: keys.jobs }).then(() => queries.invalidateQueries({ queryKey: keys.jobs }));
}
