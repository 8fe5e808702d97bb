"use client";

/** How often a page that stays open asks for a newer studio, in milliseconds. */
const ASK_EVERY_MS = 60 * 60 * 1000;

/**
 * Let the browser keep the studio's own files, so that it opens without a connection. `onNews` is called when a newer
 * studio lies ready; what it is given brings that one, with a reload. Returns how to stop listening.
 */
export function keepStudio(onNews: (take: () => void) => void): () => void {
  if (process.env.NODE_ENV !== "production" || !("serviceWorker" in navigator)) return () => undefined;
  // Whoever pays by the megabyte fetches what they look at, and no more.
  const { connection } = navigator as { connection?: { saveData?: boolean } };
  if (connection?.saveData) return () => undefined;
  const workers = navigator.serviceWorker;
  let stopped = false;
  let asked = Date.now();
  let accepted = false;
  let registration: ServiceWorkerRegistration | undefined;
  let told: ServiceWorker | null = null;

  const tell = () => {
    const waiting = registration?.waiting;
    // The very first one has nobody to replace.
    if (stopped || !waiting || !workers.controller || told === waiting) return;
    told = waiting;
    onNews(() => {
      accepted = true;
      waiting.postMessage("take over");
    });
  };
  const watch = () => registration?.installing?.addEventListener("statechange", tell);
  const changed = () => {
    // Another tab may have said so: this one goes on with what it has until it is loaded anew.
    if (accepted) location.reload();
  };
  const seen = () => {
    if (document.visibilityState !== "visible" || Date.now() - asked < ASK_EVERY_MS) return;
    asked = Date.now();
    void registration?.update().catch(() => undefined);
  };
  const begin = async () => {
    try {
      const made = await workers.register("/service-worker.js", { updateViaCache: "none" });
      if (stopped) return;
      registration = made;
      made.addEventListener("updatefound", watch);
      watch();
      tell();
    } catch {
      // Private windows and plain HTTP have none: the studio works without.
    }
  };
  workers.addEventListener("controllerchange", changed);
  document.addEventListener("visibilitychange", seen);
  // What a page needs comes first.
  const start = () => void begin();
  if (document.readyState === "complete") start();
  else addEventListener("load", start, { once: true });
  return () => {
    stopped = true;
    removeEventListener("load", start);
    workers.removeEventListener("controllerchange", changed);
    document.removeEventListener("visibilitychange", seen);
    registration?.removeEventListener("updatefound", watch);
  };
}
