const FOCUSABLE = ["a[href]", "button", "input", "select", "textarea", "summary", "[tabindex='0']"].join(",");

const canTakeFocus = (element: Element): element is HTMLElement =>
  element instanceof HTMLElement &&
  element.matches(`:is(${FOCUSABLE}):not(:disabled)`) &&
  element.checkVisibility() &&
  !element.closest("[inert],[aria-hidden=true]");

/** What is first in a part of the page that can be worked with by keys: the part itself, or something in it. */
function firstIn(part: Element): HTMLElement | undefined {
  if (canTakeFocus(part)) return part;
  return [...part.querySelectorAll(FOCUSABLE)].find(canTakeFocus);
}

/** Where something stood: inside of `parent`, behind `before`. */
type Place = { parent: Element; before: Node | null };

/** What stands nearest to a place: what took it or follows it, else what goes before it, else the same around its parent. */
function nearest({ parent, before }: Place): HTMLElement | null {
  if (parent.matches("main,body")) return parent.closest("main");
  const children = [...parent.children];
  const at = before
    ? children.findLastIndex((child) => child === before || before.compareDocumentPosition(child) & 2)
    : -1;
  const around = [...children.slice(at + 1), ...children.slice(0, at + 1).reverse()];
  for (const child of around) {
    const found = firstIn(child);
    if (found) return found;
  }
  return parent.parentElement && nearest({ parent: parent.parentElement, before: parent });
}

/** Where a node that is gone stood, by what was noted of the changes; null when the page holds nothing of it any more. */
function placeOf(gone: Node, changes: MutationRecord[]): Place | null {
  const change = changes.findLast(({ removedNodes }) => [...removedNodes].some((node) => node.contains(gone)));
  if (!change) return null;
  const { target, previousSibling } = change;
  if (!target.isConnected) return placeOf(target, changes);
  return { parent: target as Element, before: previousSibling?.isConnected ? previousSibling : null };
}

/**
 * Keeps the place of whoever works by keys. What has the focus may go: a row that is deleted, a form that is sent, a button that
 * waits for an answer. Browsers then put the focus on the whole page, and one would start over at its top. Here it goes on to
 * what stands where the lost one stood, and back to a button that may be pressed again. Whoever points is left alone: the next
 * key would press something that they did not choose. Returns what ends it.
 */
export function keepFocus(): () => void {
  let last: HTMLElement | null = null;
  let byKeys = false;
  const listening = new AbortController();
  const { signal } = listening;
  const isLost = () => document.activeElement === null || document.activeElement === document.body;

  const onChange = (changes: MutationRecord[]) => {
    if (!last || !byKeys || !isLost() || !document.hasFocus()) return;
    if (last.isConnected) {
      if (canTakeFocus(last)) last.focus({ preventScroll: true });
      return;
    }
    const place = placeOf(last, changes);
    last = null;
    if (place) nearest(place)?.focus();
  };
  const changes = new MutationObserver(onChange);
  changes.observe(document.body, { childList: true, subtree: true, attributeFilter: ["disabled"] });
  addEventListener("keydown", () => (byKeys = true), { signal, capture: true });
  addEventListener("pointerdown", () => (byKeys = false), { signal, capture: true });
  addEventListener("focusin", ({ target }) => (last = target as HTMLElement), { signal });
  addEventListener(
    "focusout",
    // Left for good by whoever goes on to the browser's own controls; what was removed is still looked for until then.
    () => setTimeout(() => last?.isConnected && isLost() && canTakeFocus(last) && (last = null)),
    { signal },
  );
  return () => {
    listening.abort();
    changes.disconnect();
  };
}
