import { answer, api } from "./api/client";
import type { components } from "./api/schema";

export type Part = components["schemas"]["Dependency"];

/** How each part of the server is. One that is not ready says in its refusal how each of them is, too. */
export async function readHealth(): Promise<Part[]> {
  const call = api.GET("/health/ready");
  try {
    return (await answer(call)).dependencies;
  } catch (failure) {
    const told = await call
      .then(({ error }) => error as unknown as { dependencies?: Part[] } | undefined)
      .catch(() => undefined);
    if (told?.dependencies) return told.dependencies;
    throw failure;
  }
}
