import createClient, { type Middleware } from "openapi-fetch";
import type { components, paths } from "./schema";
import { ProblemError, problemOf } from "./problem";

type Schemas = components["schemas"];
export type Job = Schemas["Job"];
export type JobStatus = Schemas["JobStatus"];
export type Track = Schemas["Track"];
export type Model = Schemas["Model"];
export type User = Schemas["User"];
export type Session = Schemas["Session"];
export type ApiKey = Schemas["ApiKey"];
export type Usage = Schemas["Usage"];
export type GenerateRequest = Omit<Schemas["GenerateRequest"], "public"> & { public?: boolean };

const SAFE_METHODS = new Set(["GET", "HEAD", "OPTIONS"]);

/** The value that proves that a request comes from our own page; the server sets the cookie at sign-in. */
export function csrfToken(cookies: string): string {
  for (const cookie of cookies.split(";")) {
    const [name = "", ...value] = cookie.trim().split("=");
    if (name === "musicgen_csrf" || name === "__Host-musicgen_csrf") return decodeURIComponent(value.join("="));
  }
  return "";
}

type Listener = () => void;
const signedOutListeners = new Set<Listener>();

/** Call `listener` whenever the server says that nobody is signed in any more. */
export function onSignedOut(listener: Listener): () => void {
  signedOutListeners.add(listener);
  return () => signedOutListeners.delete(listener);
}

const guard: Middleware = {
  onRequest({ request }) {
    if (!SAFE_METHODS.has(request.method)) {
      const token = csrfToken(document.cookie);
      if (token) request.headers.set("X-CSRF-Token", token);
    }
    return request;
  },
  onResponse({ response, schemaPath }) {
    if (response.status === 401 && !schemaPath.includes("/auth/"))
      for (const listener of signedOutListeners) listener();
  },
};

/** The typed client of our own server; requests carry the session's cookie and nothing else. */
export const api = createClient<paths>({
  baseUrl: typeof location === "undefined" ? "" : location.origin,
  credentials: "same-origin",
  fetch: (request) => globalThis.fetch(request),
});
api.use(guard);

/** The data of an answer, or a thrown `ProblemError` that says what happened. */
export async function answer<T>(
  call: Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<NonNullable<T>> {
  let result;
  try {
    result = await call;
  } catch (failure) {
    if (failure instanceof DOMException && failure.name === "AbortError") throw failure;
    throw new ProblemError(0, "offline", "", []);
  }
  if (!result.response.ok) throw problemOf(result.response.status, result.error, result.response.headers);
  return (result.data ?? ({} as T)) as NonNullable<T>;
}

/** A key that makes sending the same request twice harmless. */
export function idempotencyKey(): string {
  return (
    globalThis.crypto.randomUUID?.() ??
    [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("")
  );
}
