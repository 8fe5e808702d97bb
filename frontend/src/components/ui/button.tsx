import Link from "next/link";
import type { ComponentProps, ReactNode } from "react";

type Look = "primary" | "quiet" | "plain" | "danger";
type Size = "small" | "medium" | "large";

const LOOKS: Record<Look, string> = {
  primary:
    "making text-on-accent shadow-[0_6px_24px_-8px_var(--glow)] hover:brightness-105 active:brightness-95 disabled:grayscale disabled:opacity-60",
  quiet: "border border-line bg-surface text-ink hover:border-line-strong hover:bg-raised disabled:opacity-50",
  plain: "text-muted hover:bg-raised hover:text-ink disabled:opacity-50",
  danger: "border border-line text-bad hover:border-bad disabled:opacity-50",
};
const SIZES: Record<Size, string> = {
  small: "h-8 px-3 text-[13px] touch:h-11",
  medium: "h-10 px-4 touch:h-11",
  large: "h-12 px-6 text-base",
};

/** Classes of anything that is pressed. */
export function buttonClass(look: Look = "quiet", size: Size = "medium", extra = ""): string {
  return `inline-flex shrink-0 items-center justify-center gap-2 rounded-lg font-semibold whitespace-nowrap transition ${LOOKS[look]} ${SIZES[size]} ${extra}`;
}

/** A button with words. */
export function Button({
  look = "quiet",
  size = "medium",
  className = "",
  ...rest
}: ComponentProps<"button"> & { look?: Look; size?: Size }) {
  return <button type="button" className={buttonClass(look, size, className)} {...rest} />;
}

/** A link that looks like a button. */
export function ButtonLink({
  look = "quiet",
  size = "medium",
  className = "",
  ...rest
}: ComponentProps<typeof Link> & { look?: Look; size?: Size }) {
  return <Link prefetch={false} className={buttonClass(look, size, className)} {...rest} />;
}

const ICON_SIZES = { small: "size-8 touch:size-11", medium: "size-10 touch:size-11", large: "size-12" };

/** A button with a sign only; `label` is its name for everybody. */
export function IconButton({
  label,
  size = "medium",
  pressed,
  unavailable = false,
  className = "",
  onClick,
  children,
  ...rest
}: Omit<ComponentProps<"button">, "aria-label"> & {
  label: string;
  size?: Size;
  pressed?: boolean;
  /** Does nothing now and says so, but keeps the focus: what moves a row has nowhere to move it at the end of the list. */
  unavailable?: boolean;
  children: ReactNode;
}) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      aria-pressed={pressed}
      aria-disabled={unavailable || undefined}
      onClick={unavailable ? undefined : onClick}
      className={`inline-grid shrink-0 place-items-center rounded-full transition hover:bg-raised hover:text-ink disabled:pointer-events-none disabled:opacity-40 aria-disabled:opacity-40 ${
        pressed ? "text-accent" : "text-muted"
      } ${ICON_SIZES[size]} ${className}`}
      {...rest}
    >
      {children}
    </button>
  );
}
