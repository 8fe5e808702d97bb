import { useId, type ComponentProps } from "react";
import { Note } from "./field";

/** A named text of several lines, with room for a hint and for what is wrong with it. */
export function TextArea({
  label,
  hint,
  wrong,
  ...rest
}: ComponentProps<"textarea"> & { label: string; hint?: string; wrong?: string }) {
  const id = useId();
  const note = `${id}-note`;
  return (
    <div className="flex flex-col gap-1.5">
      <label htmlFor={id} className="text-sm font-medium text-muted">
        {label}
      </label>
      <textarea
        id={id}
        rows={3}
        aria-invalid={wrong ? true : undefined}
        aria-describedby={wrong || hint ? note : undefined}
        {...rest}
        className="w-full resize-y rounded-lg border border-line bg-ground px-3 py-2 text-ink transition hover:border-line-strong focus:border-line-strong aria-invalid:border-bad"
      />
      <Note id={note} hint={hint} wrong={wrong} />
    </div>
  );
}
