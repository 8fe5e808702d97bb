import type { Job } from "./api/client";

/** Takes of one request are asked for together: further apart than this they are not, in milliseconds. */
const TOGETHER_MS = 4000;

type Asked = Pick<Job, "id" | "request" | "created_at">;

function subject({ request }: Asked): string {
  const { variation_of_id, prompt } = request as { variation_of_id?: unknown; prompt?: unknown };
  return variation_of_id ? `variation ${String(variation_of_id)}` : `prompt ${String(prompt ?? "")}`;
}

/** Takes that belong side by side: neighbours of one request, or variations of one song. The order stays. */
export function groupTakes<Take extends Asked>(takes: readonly Take[]): Take[][] {
  const groups: Take[][] = [];
  for (const take of takes) {
    const last = groups.at(-1);
    const before = last?.at(-1);
    const near = before && Math.abs(Date.parse(before.created_at) - Date.parse(take.created_at)) <= TOGETHER_MS;
    if (last && before && near && subject(before) === subject(take)) last.push(take);
    else groups.push([take]);
  }
  return groups;
}
