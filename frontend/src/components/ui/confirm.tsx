"use client";

import type { ReactNode } from "react";
import { Button } from "./button";
import { Modal } from "./modal";

/** Asks before something that cannot be taken back; the way out has the focus. */
export function Confirm({
  title,
  text,
  action,
  keep,
  busy = false,
  onAction,
  onClose,
  children,
}: {
  title: string;
  text: string;
  action: string;
  keep: string;
  busy?: boolean;
  onAction: () => void;
  onClose: () => void;
  children?: ReactNode;
}) {
  return (
    <Modal label={title} onClose={onClose} className="w-[min(92vw,440px)]">
      <div className="p-6">
        <h2 className="break-words text-xl">{title}</h2>
        <p className="mt-2 text-muted">{text}</p>
        {children}
        <div className="mt-6 flex flex-wrap justify-end gap-2">
          <Button autoFocus onClick={onClose}>
            {keep}
          </Button>
          <Button look="danger" disabled={busy} onClick={onAction}>
            {action}
          </Button>
        </div>
      </div>
    </Modal>
  );
}
