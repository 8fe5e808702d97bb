"use client";

import { useId, useRef, useState, type KeyboardEvent, type ReactNode, type ToggleEvent } from "react";

const MARGIN = 8;

/** Keep `left` such that something `width` wide stays inside the window. */
function inWindow(left: number, width: number): number {
  return Math.max(MARGIN, Math.min(left, innerWidth - width - MARGIN));
}

/**
 * A button that opens a small panel over the page, on the browser's own popover: Escape and a click elsewhere close it, the
 * focus returns to the button. Arrow keys walk through what can be pressed. A press on `[data-close]` closes it.
 */
export function Pop({
  label,
  trigger,
  triggerClass,
  className = "",
  align = "start",
  children,
}: {
  label: string;
  trigger: ReactNode;
  triggerClass: string;
  className?: string;
  align?: "start" | "end";
  children: ReactNode;
}) {
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const panel = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState(false);

  const place = (event: ToggleEvent<HTMLDivElement>) => {
    const opening = event.newState === "open";
    setOpen(opening);
    const element = panel.current;
    const anchor = button.current?.getBoundingClientRect();
    if (!opening || !element || !anchor) return;
    const { offsetWidth: width, offsetHeight: height } = element;
    element.style.left = `${inWindow(align === "end" ? anchor.right - width : anchor.left, width)}px`;
    const below = anchor.bottom + MARGIN;
    const fitsBelow = below + height <= innerHeight - MARGIN || anchor.top < innerHeight / 2;
    element.style.top = `${fitsBelow ? below : Math.max(MARGIN, anchor.top - height - MARGIN)}px`;
    element.style.maxHeight = `${innerHeight - (fitsBelow ? below : MARGIN) - MARGIN}px`;
  };

  const walk = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || event.target instanceof HTMLInputElement) return;
    event.preventDefault();
    const items = [...(panel.current?.querySelectorAll<HTMLElement>("a[href],button:not(:disabled)") ?? [])];
    const at = items.indexOf(document.activeElement as HTMLElement);
    items[(at + step + items.length) % items.length]?.focus();
  };

  return (
    <>
      <button
        ref={button}
        type="button"
        popoverTarget={id}
        aria-expanded={open}
        aria-controls={id}
        aria-label={label}
        title={label}
        className={triggerClass}
        onKeyDown={(event) => {
          if (event.key !== "ArrowDown") return;
          event.preventDefault();
          panel.current?.showPopover();
          panel.current?.querySelector<HTMLElement>("a[href],button:not(:disabled)")?.focus();
        }}
      >
        {trigger}
      </button>
      <div
        ref={panel}
        id={id}
        popover="auto"
        role="group"
        aria-label={label}
        data-own-keys
        onToggle={place}
        onKeyDown={walk}
        onClick={(event) => {
          if ((event.target as Element).closest("[data-close],a[href]")) panel.current?.hidePopover();
        }}
        className={`panel shadow-float fixed inset-auto m-0 overflow-y-auto bg-surface text-ink opacity-0 transition-opacity open:opacity-100 starting:open:opacity-0 ${className}`}
      >
        {open && children}
      </div>
    </>
  );
}

/** Classes of one line of a menu. */
export const menuItemClass =
  "flex min-h-9 touch:min-h-11 w-full cursor-pointer items-center gap-2.5 rounded-md px-3 py-1.5 text-left text-[15px] hover:bg-raised focus-visible:bg-raised focus-visible:outline-offset-[-2px] disabled:pointer-events-none disabled:opacity-40";
