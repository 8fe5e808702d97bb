"use client";

import { toast } from "sonner";

/** How long a person may change their mind, in milliseconds. */
const GRACE_MS = 6000;

const waiting = new Set<() => void>();

if (typeof window !== "undefined")
  addEventListener("pagehide", () => {
    for (const commit of [...waiting]) commit();
  });

/**
 * Do something that cannot be taken back, later: until then a toast offers to undo it. `commit` runs after the grace time, or
 * when the page is left; `restore` when it was undone. Returns how to call it off without a word.
 */
export function undoable(message: string, undo: string, commit: () => void, restore: () => void): () => void {
  let settled = false;
  const settle = (action: () => void) => {
    if (settled) return;
    settled = true;
    waiting.delete(finish);
    clearTimeout(timer);
    action();
  };
  const finish = () => settle(commit);
  const timer = setTimeout(finish, GRACE_MS);
  waiting.add(finish);
  const shown = toast(message, { duration: GRACE_MS, action: { label: undo, onClick: () => settle(restore) } });
  return () => settle(() => void toast.dismiss(shown));
}
