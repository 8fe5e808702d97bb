/**
 * Keeps the studio's own files, so that it opens without a connection and says so itself. The build writes `APP` before
 * this: what the files are, and a name that is another one for every build.
 *
 * What is kept is named by the build alone and fetched once, when a build is installed. Nothing that comes by later is
 * ever stored: no answer of the API, no audio, nothing of anybody's account.
 */
(() => {
  type Waiting = { waitUntil(work: Promise<unknown>): void };
  type Rule = { condition: { urlPattern: { pathname: string } }; source: "network" };
  type Installing = Waiting & { addRoutes?(rule: Rule): Promise<void> };
  type Fetching = { request: Request; respondWith(answer: Promise<Response>): void };
  type Scope = {
    /** `pages` change at their address, `files` bear their content's name. Paths, and no query. */
    APP: { build: string; pages: string[]; files: string[] };
    location: { origin: string };
    caches: CacheStorage;
    clients: { claim(): Promise<void> };
    fetch(request: Request | string, options?: RequestInit): Promise<Response>;
    skipWaiting(): Promise<void>;
    addEventListener(kind: string, listener: (event: never) => void): void;
  };
  const scope = self as unknown as Scope;
  const { build, pages, files } = scope.APP;
  const PREFIX = "studio-";
  const NAME = PREFIX + build;
  const FETCHED_AT_ONCE = 6;
  const kept = { pages: new Set(pages), files: new Set(files) };

  /** Fetch everything of this build; one that is missing, and the build is not installed. */
  async function install(): Promise<void> {
    const cache = await scope.caches.open(NAME);
    const open = [...pages, ...files];
    const fill = async () => {
      for (let path = open.pop(); path !== undefined; path = open.pop()) {
        // A page has to be this build's; a file of that name is the same for ever.
        const answer = await scope.fetch(path, {
          cache: kept.pages.has(path) ? "no-cache" : "default",
          credentials: "omit",
        });
        if (!answer.ok || answer.redirected) throw new Error(`${path}: ${answer.status}`);
        await cache.put(path, answer);
      }
    };
    await Promise.all(Array.from({ length: FETCHED_AT_ONCE }, fill));
  }

  /** Forget the builds before this one. */
  async function activate(): Promise<void> {
    const names = await scope.caches.keys();
    const old = names.filter((name) => name.startsWith(PREFIX) && name !== NAME);
    await Promise.all(old.map((name) => scope.caches.delete(name)));
    await scope.clients.claim();
  }

  async function keptAnswer(path: string): Promise<Response | undefined> {
    return (await scope.caches.open(NAME)).match(path);
  }

  /** A page as the server has it now; without a connection, as it was installed. */
  async function page(request: Request, path: string): Promise<Response> {
    try {
      return await scope.fetch(request);
    } catch (failure) {
      const found = await keptAnswer(path);
      if (found) return found;
      throw failure;
    }
  }

  async function file(request: Request, path: string): Promise<Response> {
    return (await keptAnswer(path)) ?? scope.fetch(request);
  }

  /**
   * Calls of the API go past this worker, where a browser lets them: what a page sends while it is left would end with it
   * on the way through here.
   */
  async function letThrough(event: Installing): Promise<void> {
    const rule: Rule = { condition: { urlPattern: { pathname: "/api/*" } }, source: "network" };
    await event.addRoutes?.(rule).catch(() => undefined);
  }

  scope.addEventListener("install", (event: Installing) =>
    event.waitUntil(Promise.all([letThrough(event), install()])),
  );
  scope.addEventListener("activate", (event: Waiting) => event.waitUntil(activate()));
  // Only when somebody said so: a page must not find the files of another build under it.
  scope.addEventListener(
    "message",
    (event: { data: unknown }) => event.data === "take over" && void scope.skipWaiting(),
  );
  scope.addEventListener("fetch", (event: Fetching) => {
    const { request } = event;
    const { origin, pathname } = new URL(request.url);
    if (request.method !== "GET" || origin !== scope.location.origin || request.headers.has("range")) return;
    if (kept.files.has(pathname)) event.respondWith(file(request, pathname));
    else if (kept.pages.has(pathname)) event.respondWith(page(request, pathname));
    else if (request.mode === "navigate" && kept.pages.has(`${pathname}/`))
      event.respondWith(page(request, `${pathname}/`));
  });
})();
