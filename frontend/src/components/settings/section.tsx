import type { ReactNode } from "react";

/** A group of settings under a heading. */
export function Section({ id, title, children }: { id?: string; title: string; children: ReactNode }) {
  return (
    <section id={id} aria-label={title} className="mt-10 scroll-mt-32 lg:scroll-mt-20">
      <h2 className="text-lg">{title}</h2>
      <div className="panel mt-3 divide-y divide-line px-5">{children}</div>
    </section>
  );
}

/** A name and its value. */
export function Line({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="flex min-h-14 flex-wrap items-center justify-between gap-x-6 gap-y-1 py-3">
      <span className="text-muted">{name}</span>
      <span className="tabular min-w-0 break-words font-medium">{children}</span>
    </div>
  );
}
