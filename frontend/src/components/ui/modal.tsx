"use client";

import { useLayoutEffect, useRef, type ReactNode } from "react";

/** A dialog on the browser's own: it holds the focus, Escape and a click beside it close it. Open as long as it is rendered. */
export function Modal({
  label,
  onClose,
  className = "",
  children,
}: {
  label: string;
  onClose: () => void;
  className?: string;
  children: ReactNode;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  // Before the page is drawn: what appears instead of the dialog may take the focus that this gives back.
  useLayoutEffect(() => {
    const element = dialog.current!;
    const before = document.activeElement;
    if (!element.open) element.showModal();
    return () => {
      element.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-label={label}
      data-own-keys
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onPointerDown={(event) => {
        if (event.target === dialog.current) onClose();
      }}
      className={`panel shadow-float m-auto max-h-[84dvh] overflow-y-auto bg-surface p-0 text-ink backdrop:bg-black/55 ${className}`}
    >
      {children}
    </dialog>
  );
}
