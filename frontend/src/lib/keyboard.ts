const KEYS_OF_THEIR_OWN = new Set(["INPUT", "TEXTAREA", "SELECT", "BUTTON", "A", "SUMMARY"]);

/** Whether a key press belongs to what has the focus: a field, a button, a menu. Then no shortcut may take it. */
export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return (
    KEYS_OF_THEIR_OWN.has(target.tagName) ||
    target.isContentEditable ||
    target.closest('[role="menu"],[role="listbox"],[role="dialog"],[role="slider"],[data-own-keys]') !== null
  );
}

const WITHOUT_TEXT = new Set(["range", "checkbox", "radio", "button", "submit", "color", "file"]);

/** Whether the focus is where text is written, which has an undo of its own. */
export function isWriting(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !WITHOUT_TEXT.has(target.type);
  return target.tagName === "TEXTAREA" || target.isContentEditable;
}
