import { Button } from "./button";

/** How a dialog's form ends: why it was refused, the way out, and the button that sends it. */
export function FormEnd({
  failure,
  cancel,
  onCancel,
  send,
  busy,
}: {
  failure: string | null;
  cancel: string;
  onCancel: () => void;
  send: string;
  busy?: boolean;
}) {
  return (
    <>
      {failure && (
        <p role="alert" className="text-sm text-bad">
          {failure}
        </p>
      )}
      <div className="flex flex-wrap justify-end gap-2">
        <Button look="plain" onClick={onCancel}>
          {cancel}
        </Button>
        <Button type="submit" look="primary" disabled={busy}>
          {send}
        </Button>
      </div>
    </>
  );
}
