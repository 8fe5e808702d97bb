"use client";

import type { FormEvent } from "react";
import { useTranslations } from "use-intl";
import { toast } from "sonner";
import { selectClass } from "@/components/ui/field";
import { FormEnd } from "@/components/ui/form-end";
import { Modal } from "@/components/ui/modal";
import { TextArea } from "@/components/ui/text-area";
import { REASONS, useReport, type ReportKind, type ReportReason } from "@/lib/moderation";
import { useProblemText } from "@/lib/use-problem-text";

/** Tells moderators of a track, a comment or a person. `name` is the track's title, or whose it is. */
export default function ReportDialog({
  kind,
  id,
  name,
  onClose,
}: {
  kind: ReportKind;
  id: string;
  name: string;
  onClose: () => void;
}) {
  const t = useTranslations("report");
  const text = useProblemText();
  const report = useReport();
  const title = t(kind, { name });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    report.mutate(
      { kind, id, reason: form.get("reason") as ReportReason, details: String(form.get("details")).trim() },
      {
        onSuccess: () => {
          toast(t("sent"));
          onClose();
        },
      },
    );
  };
  return (
    <Modal label={title} onClose={onClose} className="w-[min(92vw,460px)]">
      <form onSubmit={submit} className="flex flex-col gap-4 p-6">
        <h2 className="line-clamp-2 break-words text-xl">{title}</h2>
        <p className="text-muted">{t("lead")}</p>
        <label className="flex flex-col gap-1.5 text-sm font-medium text-muted">
          {t("reason")}
          <select name="reason" defaultValue="" required autoFocus className={selectClass}>
            <option value="" disabled />
            {REASONS.map((reason) => (
              <option key={reason} value={reason}>
                {t(`reasons.${reason}`)}
              </option>
            ))}
          </select>
        </label>
        <TextArea label={t("details")} name="details" maxLength={1000} />
        <FormEnd
          failure={report.error && text(report.error)}
          cancel={t("cancel")}
          onCancel={onClose}
          send={t("send")}
          busy={report.isPending}
        />
      </form>
    </Modal>
  );
}
