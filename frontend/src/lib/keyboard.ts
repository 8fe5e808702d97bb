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
