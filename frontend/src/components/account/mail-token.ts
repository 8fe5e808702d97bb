"use client";

import { useSyncExternalStore } from "react";

/** The token in a link of ours: it stands in the fragment, so that no server and no log sees it. */
export function tokenOf(fragment: string): string {
  return new URLSearchParams(fragment.replace(/^#/, "")).get("token") ?? "";
}

function subscribe(changed: () => void): () => void {
  addEventListener("hashchange", changed);
  return () => removeEventListener("hashchange", changed);
}

/** The token of the address line; null until the browser is asked. */
export function useMailToken(): string | null {
  return useSyncExternalStore<string | null>(
    subscribe,
    () => tokenOf(location.hash),
    () => null,
  );
}
