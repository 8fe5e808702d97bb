"use client";

import type { FormEvent } from "react";
import { Field } from "@/components/ui/field";
import { FormEnd } from "@/components/ui/form-end";
import { Modal } from "@/components/ui/modal";
import { useProblemText } from "@/lib/use-problem-text";

/** Asks for one line of text. */
export function NameDialog({
  title,
  label,
  value = "",
  action,
  cancel,
  maxLength = 200,
  busy,
  failure,
  onName,
  onClose,
}: {
  title: string;
  label: string;
  value?: string;
  action: string;
  cancel: string;
  maxLength?: number;
  busy?: boolean;
  failure?: Error | null;
  onName: (name: string) => void;
  onClose: () => void;
}) {
  const text = useProblemText();
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const name = String(new FormData(event.currentTarget).get("name")).trim();
    if (name) onName(name);
  };
  return (
    <Modal label={title} onClose={onClose} className="w-[min(92vw,420px)]">
      <form onSubmit={submit} className="flex flex-col gap-4 p-6">
        <h2 className="text-xl">{title}</h2>
        <Field
          label={label}
          name="name"
          defaultValue={value}
          maxLength={maxLength}
          autoComplete="off"
          autoFocus
          required
          wrong={failure ? text(failure) : undefined}
        />
        <FormEnd failure={null} cancel={cancel} onCancel={onClose} send={action} busy={busy} />
      </form>
    </Modal>
  );
}
