import { useId, type ComponentProps } from "react";

/** A named text of several lines, with room for a hint. */
export function TextArea({ label, hint, ...rest }: ComponentProps<"textarea"> & { label: string; hint?: string }) {
  const id = useId();
  return (
    <div className="flex flex-col gap-1.5">
      <label htmlFor={id} className="text-sm font-medium text-muted">
        {label}
      </label>
      <textarea
        id={id}
        rows={3}
        aria-describedby={hint ? `${id}-note` : undefined}
        {...rest}
        className="w-full resize-y rounded-lg border border-line bg-ground px-3 py-2 text-ink transition hover:border-line-strong focus:border-line-strong"
      />
      {hint && (
        <p id={`${id}-note`} className="text-[13px] text-faint">
          {hint}
        </p>
      )}
    </div>
  );
}
