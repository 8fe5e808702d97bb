import type { ReactNode } from "react";

/** The frame of the sign-in pages. */
export function Door({
  title,
  lead,
  children,
  foot,
}: {
  title: string;
  lead: string;
  children: ReactNode;
  foot: ReactNode;
}) {
  return (
    <div className="relative isolate flex flex-1 flex-col justify-center overflow-x-clip px-4 py-12">
      <div
        aria-hidden
        className="pointer-events-none absolute inset-x-0 top-0 mx-auto -z-10 h-96 max-w-[900px] opacity-50 [background:radial-gradient(40%_60%_at_50%_30%,var(--glow),transparent)]"
      />
      <div className="mx-auto w-full max-w-[398px]">
        <h1 className="text-4xl tracking-[-0.035em]">{title}</h1>
        <p className="mt-2 text-muted">{lead}</p>
        <div className="panel shadow-float mt-7 p-6">{children}</div>
        <div className="mt-5 text-center text-muted">{foot}</div>
      </div>
    </div>
  );
}
