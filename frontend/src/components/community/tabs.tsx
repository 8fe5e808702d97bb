"use client";

import { useId, useRef, type KeyboardEvent, type ReactNode } from "react";

/** Views of one thing, one at a time; arrow keys walk through their names. */
export function Tabs<Name extends string>({
  label,
  names,
  shown,
  onShow,
  children,
}: {
  label: string;
  names: { name: Name; label: string }[];
  shown: Name;
  onShow: (name: Name) => void;
  children: ReactNode;
}) {
  const id = useId();
  const list = useRef<HTMLDivElement>(null);
  const walk = (event: KeyboardEvent) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (!step) return;
    event.preventDefault();
    const at = names.findIndex(({ name }) => name === shown);
    const next = (at + step + names.length) % names.length;
    onShow(names[next]!.name);
    list.current?.querySelectorAll("button")[next]?.focus();
  };
  return (
    <>
      <div
        ref={list}
        role="tablist"
        aria-label={label}
        data-own-keys
        onKeyDown={walk}
        className="hide-scrollbar -mx-4 flex gap-1 overflow-x-auto border-b border-line px-4 md:mx-0 md:px-0"
      >
        {names.map(({ name, label: title }) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`${id}-${name}`}
            aria-selected={shown === name}
            aria-controls={`${id}-panel`}
            tabIndex={shown === name ? 0 : -1}
            onClick={() => onShow(name)}
            className={`-mb-px shrink-0 border-b-2 px-3 py-2.5 touch:min-h-11 font-medium transition hover:text-ink ${
              shown === name ? "border-coral text-ink" : "border-transparent text-muted"
            }`}
          >
            {title}
          </button>
        ))}
      </div>
      <div role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${shown}`} className="mt-6">
        {children}
      </div>
    </>
  );
}
