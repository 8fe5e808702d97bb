"use client";

import { Loader, Upload as UploadSign } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useTranslations } from "use-intl";
import { toast } from "sonner";
import { Button } from "@/components/ui/button";
import { isActive } from "@/lib/music";
import { useJob } from "@/lib/processing";
import { AUDIO_TYPES, useUpload } from "@/lib/uploads";
import { useProblemSentence, useProblemText } from "@/lib/use-problem-text";

/** Bring a recording of one's own: by the button, or by dropping it anywhere on the page. */
export function Upload({ className }: { className: string }) {
  const t = useTranslations("library");
  const text = useProblemText();
  const whyFailed = useProblemSentence();
  const field = useRef<HTMLInputElement>(null);
  const [sent, setSent] = useState(0);
  const [over, setOver] = useState(false);
  const upload = useUpload(setSent);
  const job = useJob(upload.data?.id);
  const busy = upload.isPending || (job.data ? isActive(job.data) : false);
  // Files go one after the other: the next when it is known what became of the one before.
  const [waiting, setWaiting] = useState<File[]>([]);
  const underWay = useRef(false);
  const take = (files: FileList | null | undefined) => setWaiting((before) => [...before, ...(files ?? [])]);

  const name = upload.variables?.name ?? "";
  const { status, error, id } = job.data ?? {};
  useEffect(() => {
    if (status === "failed") toast.error(t("uploadRefused", { name, reason: whyFailed(error) }));
    if (status === "succeeded") toast(t("uploaded", { name }));
    if (status && status !== "queued" && status !== "running") underWay.current = false;
  }, [status, error, id, name, t, whyFailed]);

  const [next] = waiting;
  useEffect(() => {
    if (!next || busy || underWay.current) return;
    underWay.current = true;
    setWaiting((before) => before.slice(1));
    setSent(0);
    upload.mutate(next, {
      onError: (failure) => {
        underWay.current = false;
        toast.error(t("uploadFailed", { name: next.name, reason: text(failure) }));
      },
    });
  }, [next, busy, upload, t, text]);

  useEffect(() => {
    const hasFile = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
    const onOver = (event: DragEvent) => {
      if (!hasFile(event)) return;
      event.preventDefault();
      setOver(true);
    };
    const onLeave = (event: DragEvent) => event.relatedTarget === null && setOver(false);
    const onDrop = (event: DragEvent) => {
      if (!hasFile(event)) return;
      event.preventDefault();
      setOver(false);
      take(event.dataTransfer?.files);
    };
    addEventListener("dragover", onOver);
    addEventListener("dragleave", onLeave);
    addEventListener("drop", onDrop);
    return () => {
      removeEventListener("dragover", onOver);
      removeEventListener("dragleave", onLeave);
      removeEventListener("drop", onDrop);
    };
  }, []);

  return (
    <>
      <input
        ref={field}
        type="file"
        multiple
        accept={AUDIO_TYPES}
        tabIndex={-1}
        aria-label={t("upload")}
        className="sr-only"
        onChange={(event) => {
          take(event.target.files);
          event.target.value = "";
        }}
      />
      <Button
        onClick={() => field.current?.click()}
        disabled={busy}
        title={t("upload")}
        className={busy ? "" : className}
      >
        {busy ? <Loader size={16} className="animate-spin" aria-hidden /> : <UploadSign size={16} aria-hidden />}
        <span className={busy ? "tabular" : "max-sm:sr-only"}>
          {upload.isPending ? t("sending", { percent: Math.round(sent * 100) }) : busy ? t("checking") : t("upload")}
          {waiting.length > 0 && ` · ${t("moreFiles", { count: waiting.length })}`}
        </span>
      </Button>
      {over && (
        <div className="pointer-events-none fixed inset-3 z-50 grid place-items-center rounded-2xl border-2 border-dashed border-coral bg-[color-mix(in_oklab,var(--ground)_80%,transparent)] text-2xl font-semibold">
          {t("dropHere")}
        </div>
      )}
    </>
  );
}
