"use client";

import type { ComponentProps, KeyboardEvent } from "react";
import { selectClass } from "./field";

/** Keys that choose in a closed list: those that walk through it, and letters. */
const CHOOSES = /^(Arrow(Up|Down)|Home|End|Page(Up|Down)|\S)$/;

/**
 * A list of things to do: what is chosen is done at once, and the list says its name again. By keys it is opened first, or the
 * first arrow would do what merely comes next.
 */
export function ActionSelect({
  label,
  onAction,
  className = "",
  children,
  ...rest
}: Omit<ComponentProps<"select">, "value" | "onChange"> & { label: string; onAction: (value: string) => void }) {
  const open = (event: KeyboardEvent<HTMLSelectElement>) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !CHOOSES.test(event.key)) return;
    event.preventDefault();
    event.currentTarget.showPicker?.();
  };
  return (
    <select
      aria-label={label}
      value=""
      onKeyDown={open}
      onChange={(event) => event.target.value && onAction(event.target.value)}
      className={`${selectClass} ${className}`}
      {...rest}
    >
      <option value="">{label}</option>
      {children}
    </select>
  );
}
