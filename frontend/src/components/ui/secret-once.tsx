"use client";

import { Button } from "./button";
import { CopyButton } from "./copy-button";

/** A secret that is shown this once, until whoever it belongs to has kept it. It comes into view, and has the focus. */
export function SecretOnce({
  title,
  text,
  secret,
  kept,
  onClose,
}: {
  title: string;
  text: string;
  secret: string;
  kept: string;
  onClose: () => void;
}) {
  return (
    <div role="status" className="py-5">
      <h3 className="font-semibold">{title}</h3>
      <p className="mt-1 text-sm text-muted">{text}</p>
      <code data-secret className="mt-3 block break-all rounded-md bg-sunken px-3 py-2">
        {secret}
      </code>
      <div className="mt-3 flex gap-2">
        <CopyButton text={secret} autoFocus />
        <Button look="primary" onClick={onClose}>
          {kept}
        </Button>
      </div>
    </div>
  );
}
