import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { beforeEach, describe, expect, test, vi } from "vitest";

const source = readFileSync(fileURLToPath(new URL("../src/worker/service-worker.ts", import.meta.url)), "utf8");
const code = ts.transpileModule(source, { compilerOptions: { target: ts.ScriptTarget.ES2022 } }).outputText;
const ORIGIN = "https://studio.example";

type Listener = (event: object) => void;
type Answers = Record<string, () => Response>;

/** The caches of a browser, by name and path. */
let stored: Map<string, Map<string, Response>>;
let answers: Answers;
let fetched: string[];
let listeners: Record<string, Listener>;
let skipped: number;

function start(build: string, pages = ["/", "/create/", "/create/index.txt"], files = ["/_next/static/a.js"]) {
  listeners = {};
  const caches = {
    open: (name: string) => {
      const cache = stored.get(name) ?? new Map<string, Response>();
      stored.set(name, cache);
      return Promise.resolve({
        put: (path: string, answer: Response) => Promise.resolve(void cache.set(path, answer)),
        match: (path: string) => Promise.resolve(cache.get(path)?.clone()),
      });
    },
    keys: () => Promise.resolve([...stored.keys()]),
    delete: (name: string) => Promise.resolve(stored.delete(name)),
  };
  const self = {
    APP: { build, pages, files },
    location: { origin: ORIGIN },
    caches,
    clients: { claim: () => Promise.resolve() },
    skipWaiting: () => Promise.resolve(void (skipped += 1)),
    addEventListener: (kind: string, listener: Listener) => (listeners[kind] = listener),
    fetch: (asked: Request | string) => {
      const path = typeof asked === "string" ? asked : new URL(asked.url).pathname;
      fetched.push(path);
      const answer = answers[path];
      return answer ? Promise.resolve(answer()) : Promise.reject(new TypeError("offline"));
    },
  };
  new Function("self", code)(self);
}

async function lives(kind: "install" | "activate", more: object = {}) {
  let work: Promise<unknown> | undefined;
  listeners[kind]!({ waitUntil: (given: Promise<unknown>) => (work = given), ...more });
  await work;
}

/** What the page gets; null where the browser goes on by itself. */
async function ask(path: string, more: { method?: string; headers?: Record<string, string>; mode?: string } = {}) {
  const url = path.startsWith("http") ? path : ORIGIN + path;
  const request = new Request(url, { method: more.method ?? "GET", headers: more.headers });
  if (more.mode) Object.defineProperty(request, "mode", { value: more.mode });
  let answer: Promise<Response> | null = null;
  listeners.fetch!({ request, respondWith: (given: Promise<Response>) => (answer = given) });
  return answer === null ? null : (await (answer as Promise<Response>)).text();
}

beforeEach(() => {
  stored = new Map([["somebody-elses", new Map()]]);
  fetched = [];
  skipped = 0;
  answers = Object.fromEntries(
    ["/", "/create/", "/create/index.txt", "/_next/static/a.js"].map((path) => [
      path,
      () => new Response(`new ${path}`),
    ]),
  );
});

describe("calls of the API", () => {
  test.each([
    ["go past the worker", () => Promise.resolve()],
    ["keep nobody from installing where that cannot be", () => Promise.reject(new TypeError("unknown rule"))],
  ])("%s", async (_, answered) => {
    const addRoutes = vi.fn(answered);
    start("one");
    await lives("install", { addRoutes });
    expect(addRoutes).toHaveBeenCalledExactlyOnceWith({
      condition: { urlPattern: { pathname: "/api/*" } },
      source: "network",
    });
    expect([...stored.keys()]).toContain("studio-one");
  });
});

describe("the studio without a connection", () => {
  test("opens from what was kept, whatever the address asks for, and is fresh while there is one", async () => {
    start("one");
    await lives("install");
    answers["/create/"] = () => new Response("fresher");
    expect(await ask("/create/?id=7", { mode: "navigate" })).toBe("fresher");
    answers = {};
    expect(await ask("/create/?id=7", { mode: "navigate" })).toBe("new /create/");
    expect(await ask("/create", { mode: "navigate" })).toBe("new /create/");
    expect(await ask("/create/index.txt?_rsc=1")).toBe("new /create/index.txt");
    expect(await ask("/_next/static/a.js")).toBe("new /_next/static/a.js");
  });
  test("asks nobody again for a file whose name says what it holds", async () => {
    start("one");
    await lives("install");
    fetched = [];
    expect(await ask("/_next/static/a.js")).toBe("new /_next/static/a.js");
    expect(fetched).toEqual([]);
  });
  test("fails as the network does where nothing was kept", async () => {
    start("one");
    answers = {};
    await expect(ask("/create/", { mode: "navigate" })).rejects.toThrow("offline");
  });
});

describe("what is nobody's to keep", () => {
  test.each([
    ["/api/v1/users/me", {}],
    ["/api/v1/tracks/7/audio?format=mp3", {}],
    ["/api/v1/tracks/7/audio", { headers: { range: "bytes=0-" } }],
    ["/create/", { method: "POST" }],
    ["/_next/static/a.js", { headers: { range: "bytes=0-9" } }],
    ["/examples/example-lofi.mp3", {}],
    ["/metrics", { mode: "navigate" }],
    ["https://elsewhere.example/create/", {}],
  ])("%s goes past it", async (path, more) => {
    start("one");
    await lives("install");
    fetched = [];
    expect(await ask(path, more)).toBeNull();
    expect(fetched).toEqual([]);
  });
  test("nothing is stored after the build was installed", async () => {
    start("one");
    await lives("install");
    const before = [...stored.get("studio-one")!.entries()];
    answers["/create/"] = () => new Response("of an account");
    answers["/_next/static/b.js"] = () => new Response("later");
    await ask("/create/?track=secret", { mode: "navigate" });
    await ask("/_next/static/b.js");
    expect([...stored.get("studio-one")!.entries()]).toEqual(before);
    expect(before.map(([path]) => path).sort()).toEqual(["/", "/_next/static/a.js", "/create/", "/create/index.txt"]);
  });
});

describe("a newer studio", () => {
  test("takes the place of the older ones and of nothing else, when somebody says so", async () => {
    start("one");
    await lives("install");
    start("two");
    await lives("install");
    expect(skipped).toBe(0);
    listeners.message!({ data: "something" });
    expect(skipped).toBe(0);
    listeners.message!({ data: "take over" });
    expect(skipped).toBe(1);
    await lives("activate");
    expect([...stored.keys()]).toEqual(["somebody-elses", "studio-two"]);
  });
  test.each([
    ["that is not whole", () => new Response("gone", { status: 404 })],
    ["that leads elsewhere", () => Object.defineProperty(new Response("x"), "redirected", { value: true })],
  ])("%s is not installed", async (_, answer) => {
    start("one");
    answers["/create/"] = answer;
    await expect(lives("install")).rejects.toThrow("/create/");
  });
});

describe("a page that keeps the studio", () => {
  const listening = () => {
    const workers = Object.assign(new EventTarget(), {
      controller: {} as object | null,
      register: vi.fn(),
    });
    const document = Object.assign(new EventTarget(), { readyState: "complete", visibilityState: "visible" });
    const reload = vi.fn();
    const registration = Object.assign(new EventTarget(), {
      waiting: null as { postMessage: (said: string) => void } | null,
      installing: null as EventTarget | null,
      update: vi.fn(() => Promise.resolve()),
    });
    workers.register.mockResolvedValue(registration);
    vi.stubGlobal("navigator", { serviceWorker: workers });
    vi.stubGlobal("document", document);
    vi.stubGlobal("location", { reload });
    vi.stubGlobal("removeEventListener", () => undefined);
    vi.stubEnv("NODE_ENV", "production");
    return { workers, document, registration, reload };
  };
  beforeEach(() => () => {
    vi.unstubAllGlobals();
    vi.unstubAllEnvs();
  });
  const soon = () => new Promise((resolve) => setTimeout(resolve));

  test("tells of a newer one once, and loads it when it is wanted", async () => {
    const { workers, registration, reload } = listening();
    const { keepStudio } = await import("@/lib/app-worker");
    const news = vi.fn();
    const stop = keepStudio(news);
    await soon();
    expect(workers.register).toHaveBeenCalledWith("/service-worker.js", { updateViaCache: "none" });
    expect(news).not.toHaveBeenCalled();
    const said: string[] = [];
    const installing = new EventTarget();
    registration.installing = installing;
    registration.dispatchEvent(new Event("updatefound"));
    registration.waiting = { postMessage: (text) => said.push(text) };
    installing.dispatchEvent(new Event("statechange"));
    installing.dispatchEvent(new Event("statechange"));
    expect(news).toHaveBeenCalledTimes(1);
    workers.dispatchEvent(new Event("controllerchange"));
    expect(reload).not.toHaveBeenCalled();
    news.mock.calls[0]![0]();
    expect(said).toEqual(["take over"]);
    workers.dispatchEvent(new Event("controllerchange"));
    expect(reload).toHaveBeenCalledTimes(1);
    stop();
  });
  test("says nothing of the very first one, and keeps nothing for those who save data", async () => {
    const { workers, registration } = listening();
    workers.controller = null;
    registration.waiting = { postMessage: () => undefined };
    const { keepStudio } = await import("@/lib/app-worker");
    const news = vi.fn();
    const stop = keepStudio(news);
    await soon();
    expect(news).not.toHaveBeenCalled();
    stop();
    workers.register.mockClear();
    vi.stubGlobal("navigator", { serviceWorker: workers, connection: { saveData: true } });
    keepStudio(news)();
    await soon();
    expect(workers.register).not.toHaveBeenCalled();
  });
});
