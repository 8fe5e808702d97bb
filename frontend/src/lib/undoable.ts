"use client";

import { toast } from "sonner";

/** How long a person may change their mind, in milliseconds. */
const GRACE_MS = 8000;
/** How soon it is looked again whether they still do. */
const HELD_MS = 1000;

const waiting = new Set<() => void>();

if (typeof window !== "undefined")
  addEventListener("pagehide", () => {
    for (const commit of [...waiting]) commit();
  });

/** Whether somebody went to the toasts by keys: on their way to the undo it does not vanish. */
function isHeld(): boolean {
  return document.querySelector("[data-sonner-toaster]")?.matches(":focus-within") ?? false;
}

/**
 * Do something that cannot be taken back, later: until then a toast offers to undo it. `commit` runs after the grace time, or
 * when the page is left, and not while a toast has the focus; `restore` when it was undone. Returns how to call it off
 * without a word.
 */
export function undoable(message: string, undo: string, commit: () => void, restore: () => void): () => void {
  let settled = false;
  const settle = (action: () => void) => {
    if (settled) return;
    settled = true;
    waiting.delete(finish);
    clearTimeout(timer);
    toast.dismiss(shown);
    action();
  };
  const finish = () => settle(commit);
  const lapse = () => {
    if (isHeld()) timer = setTimeout(lapse, HELD_MS);
    else finish();
  };
  let timer = setTimeout(lapse, GRACE_MS);
  waiting.add(finish);
  const shown = toast(message, { duration: Infinity, action: { label: undo, onClick: () => settle(restore) } });
  return () => settle(() => undefined);
}
