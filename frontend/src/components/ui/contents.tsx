"use client";

import { useEffect } from "react";

/**
 * The way to each part of a long page: a list beside it where there is room, else a line that stays above it. The parts carry
 * the ids.
 */
export function Contents({ label, parts }: { label: string; parts: { id: string; title: string }[] }) {
  // What an address points at is drawn after the browser has looked for it.
  useEffect(() => document.getElementById(location.hash.slice(1))?.scrollIntoView(), []);
  return (
    <nav
      aria-label={label}
      className="sticky top-16 z-10 -mx-4 mt-4 bg-ground md:-mx-6 lg:top-24 lg:mx-0 lg:mt-12 lg:self-start"
    >
      <ul className="hide-scrollbar flex gap-1 overflow-x-auto px-2 py-1 max-lg:fade-edge md:pl-4 lg:flex-col lg:p-0">
        {parts.map(({ id, title }) => (
          <li key={id} className="shrink-0">
            <a
              href={`#${id}`}
              className="flex min-h-9 items-center rounded-md px-3 text-[15px] font-medium text-muted transition hover:bg-raised hover:text-ink touch:min-h-11"
            >
              {title}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}
