import { describe, expect, test, vi } from "vitest";

// The client asks the page's own server.
vi.stubGlobal("location", { origin: "http://studio.test" });
const { readHealth } = await import("@/lib/health");

describe("the health of the server", () => {
  const answered = (status: number, body: unknown) =>
    vi.stubGlobal("fetch", async () => new Response(JSON.stringify(body), { status }));
  const dependencies = [{ name: "valkey", state: "down", latency_ms: 1000, detail: "no answer within 1 s" }];
  test("is told part by part, of a server that is not ready as well", async () => {
    answered(200, { status: "ready", dependencies });
    expect(await readHealth()).toEqual(dependencies);
    answered(503, { type: "/problems/not-ready", status: 503, dependencies });
    expect(await readHealth()).toEqual(dependencies);
  });
  test("cannot be told by one that says nothing of its parts", async () => {
    answered(503, { type: "/problems/overloaded", status: 503 });
    await expect(readHealth()).rejects.toMatchObject({ kind: "overloaded" });
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("no route")));
    await expect(readHealth()).rejects.toMatchObject({ kind: "offline" });
  });
});
