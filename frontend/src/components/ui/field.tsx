import { useId, type ComponentProps, type ReactNode } from "react";

export const inputClass =
  "h-10 touch:h-11 w-full rounded-lg border border-line bg-ground px-3 text-ink transition hover:border-line-strong focus:border-line-strong aria-invalid:border-bad";
export const selectClass =
  "h-10 touch:h-11 rounded-lg border border-line bg-surface px-3 font-medium text-ink transition hover:border-line-strong disabled:opacity-40";

/** A named input with room for a hint and for what is wrong with it. */
export function Field({
  label,
  hint,
  wrong,
  children,
  ...input
}: ComponentProps<"input"> & { label: string; hint?: string; wrong?: string; children?: ReactNode }) {
  const id = useId();
  const note = `${id}-note`;
  return (
    <div className="flex flex-col gap-1.5">
      <label htmlFor={id} className="text-sm font-medium text-muted">
        {label}
      </label>
      <div className="flex items-center gap-2">
        <input
          id={id}
          aria-invalid={wrong ? true : undefined}
          aria-describedby={wrong || hint ? note : undefined}
          {...input}
          className={`${inputClass} ${input.className ?? ""}`}
        />
        {children}
      </div>
      <Note id={note} hint={hint} wrong={wrong} />
    </div>
  );
}

/** What stands under a field: what is wrong with it, else a hint. */
export function Note({ id, hint, wrong }: { id: string; hint?: string; wrong?: string }) {
  if (!wrong && !hint) return null;
  return (
    <p id={id} role={wrong ? "alert" : undefined} className={`text-[13px] ${wrong ? "text-bad" : "text-faint"}`}>
      {wrong || hint}
    </p>
  );
}
