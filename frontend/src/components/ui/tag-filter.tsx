"use client";

/** Tags to choose one from, or none: pressed again it lets go. Nothing where there are no tags. */
export function TagFilter({
  label,
  tags,
  chosen,
  onChoose,
  className,
}: {
  label: string;
  tags: readonly string[];
  chosen: string | null;
  onChoose: (tag: string | null) => void;
  className: string;
}) {
  if (tags.length === 0) return null;
  return (
    <div
      role="group"
      aria-label={label}
      className={`hide-scrollbar -mx-4 flex gap-2 overflow-x-auto px-4 md:mx-0 md:flex-wrap md:px-0 ${className}`}
    >
      {tags.map((name) => (
        <button
          key={name}
          type="button"
          aria-pressed={chosen === name}
          onClick={() => onChoose(chosen === name ? null : name)}
          className={`h-8 shrink-0 touch:h-11 rounded-full border px-3.5 text-sm transition ${
            chosen === name
              ? "border-transparent bg-ink font-semibold text-ground"
              : "border-line text-muted hover:border-line-strong hover:text-ink"
          }`}
        >
          {name}
        </button>
      ))}
    </div>
  );
}
