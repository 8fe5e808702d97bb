"use client";

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { CircleCheck, CircleSlash, Download, Trash2 } from "lucide-react";
import { useEffect, useState } from "react";
import { useTranslations } from "use-intl";
import { toast } from "sonner";
import { Button } from "@/components/ui/button";
import { Modal } from "@/components/ui/modal";
import { Failed, Skeleton } from "@/components/ui/states";
import { answer, api, idempotencyKey, type Job, type Model } from "@/lib/api/client";
import { clock, fileSize, times } from "@/lib/format";
import { isActive, keys, useCancel, useModels } from "@/lib/music";
import { useJob } from "@/lib/processing";
import { useProblemSentence, useProblemText } from "@/lib/use-problem-text";

const PULL = "pull_model";

/** The models of the catalogue: what is here, what can be fetched, and how far that is. */
export function Models() {
  const models = useModels();
  const pulls = useQuery({
    queryKey: ["admin", "pulls"],
    queryFn: async () =>
      (await answer(api.GET("/api/v1/jobs", { params: { query: { limit: 50 } } }))).items.filter(
        (job) => job.kind === PULL && isActive(job),
      ),
  });
  if (models.error && !models.data) return <Failed failure={models.error} retry={() => void models.refetch()} />;
  if (!models.data) return <Skeleton className="mt-4 h-40" />;
  return (
    <ul className="mt-4 flex flex-col">
      {models.data.map((model) => (
        <Row key={model.id} model={model} running={pulls.data?.find((job) => job.request.model === model.id)} />
      ))}
    </ul>
  );
}

/** One model; `running` is a pull of it that was asked for before this page was opened. */
function Row({ model, running }: { model: Model; running: Job | undefined }) {
  const t = useTranslations("admin.models");
  const words = useTranslations("models");
  const text = useProblemText();
  const whyFailed = useProblemSentence();
  const queries = useQueryClient();
  const [asking, setAsking] = useState<"install" | "remove" | null>(null);
  const anew = () => {
    void queries.invalidateQueries({ queryKey: keys.models });
    void queries.invalidateQueries({ queryKey: ["admin", "pulls"] });
  };
  const failed = (error: unknown) => toast.error(text(error));
  const pull = useMutation({
    mutationFn: () =>
      answer(
        api.POST("/api/v1/models/{model_id}/pull", {
          params: { path: { model_id: model.id }, header: { "Idempotency-Key": idempotencyKey() } },
        }),
      ),
    onSuccess: (job) => queries.setQueryData(["job", job.id], job),
    onError: failed,
  });
  const remove = useMutation({
    mutationFn: () => answer(api.DELETE("/api/v1/models/{model_id}", { params: { path: { model_id: model.id } } })),
    onSuccess: () => {
      toast.success(t("removed", { name: model.title }));
      anew();
    },
    onError: failed,
  });
  const job = useJob(pull.data?.id ?? running?.id).data ?? running;
  const busy = pull.isPending || (job !== undefined && isActive(job));
  const ended = job && !isActive(job) ? job.status : undefined;
  useEffect(() => {
    if (ended) anew();
    // Once for each end.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [ended]);
  const Sign = model.commercial_use ? CircleCheck : CircleSlash;
  return (
    <li className="grid grid-cols-[1fr_auto] items-center gap-x-4 gap-y-1 border-t border-line py-4">
      <span className="flex flex-wrap items-baseline gap-x-3 font-semibold">
        {model.title}
        <span className="text-sm font-normal text-faint">{model.id}</span>
      </span>
      <span className="row-span-2 flex items-center gap-2">
        {busy && job ? (
          <Pulling job={job} name={model.title} />
        ) : model.can_pull ? (
          <Button onClick={() => setAsking("install")} aria-label={t("installName", { name: model.title })}>
            <Download size={16} aria-hidden />
            {t("install")}
          </Button>
        ) : model.can_remove ? (
          <Button
            onClick={() => setAsking("remove")}
            disabled={remove.isPending}
            aria-label={t("removeName", { name: model.title })}
          >
            <Trash2 size={16} aria-hidden />
            {t("remove")}
          </Button>
        ) : null}
      </span>
      <span className="flex flex-wrap items-center gap-x-4 gap-y-1 text-[13px] text-faint">
        <span className={model.installed ? "text-good" : undefined}>
          {model.installed ? words("here") : words("notHere")}
        </span>
        {model.loaded && <span>{t("loaded")}</span>}
        {model.size_bytes > 0 && <span>{fileSize(model.size_bytes)}</span>}
        <span>{words("upTo", { length: clock(model.max_duration) })}</span>
        {model.real_time_factor ? <span>{words("speed", { times: times(model.real_time_factor) })}</span> : null}
        <span className={`flex items-center gap-1.5 ${model.commercial_use ? "" : "text-bad"}`}>
          <Sign size={14} aria-hidden />
          {model.licence}
        </span>
      </span>
      {ended === "failed" && (
        <p role="alert" className="col-span-2 text-sm text-bad">
          {whyFailed(job?.error)}
        </p>
      )}
      {asking && (
        <Confirm
          model={model}
          what={asking}
          onClose={() => setAsking(null)}
          onConfirm={() => {
            if (asking === "install") pull.mutate();
            else remove.mutate();
            setAsking(null);
          }}
        />
      )}
    </li>
  );
}

/** Says what installing or removing means before it is done. */
function Confirm({
  model,
  what,
  onClose,
  onConfirm,
}: {
  model: Model;
  what: "install" | "remove";
  onClose: () => void;
  onConfirm: () => void;
}) {
  const t = useTranslations("admin.models");
  const title = t(what === "install" ? "installName" : "removeName", { name: model.title });
  return (
    <Modal label={title} onClose={onClose} className="w-[min(92vw,460px)]">
      <div className="p-6">
        <h3 className="text-lg font-semibold">{title}</h3>
        <p className="mt-3 text-muted">
          {what === "install"
            ? t("installText", { size: fileSize(model.size_bytes), licence: model.licence })
            : t("removeText")}
        </p>
        {what === "install" && !model.commercial_use && <p className="mt-3 text-bad">{t("notForSale")}</p>}
        <div className="mt-6 flex justify-end gap-3">
          <Button onClick={onClose}>{t("back")}</Button>
          <Button look={what === "install" ? "primary" : "danger"} onClick={onConfirm}>
            {t(what)}
          </Button>
        </div>
      </div>
    </Modal>
  );
}

/** How far a pull is, and its end. */
function Pulling({ job, name }: { job: Job; name: string }) {
  const t = useTranslations("admin.models");
  const cancel = useCancel();
  const percent = Math.floor(job.progress * 100);
  return (
    <span className="flex items-center gap-3">
      <span
        role="progressbar"
        aria-label={t("installName", { name })}
        aria-valuenow={percent}
        aria-valuemin={0}
        aria-valuemax={100}
        className="h-1.5 w-24 overflow-hidden rounded-full bg-raised sm:w-40"
      >
        <span className="block h-full rounded-full bg-accent" style={{ width: `${percent}%` }} />
      </span>
      <span className="tabular w-12 text-right text-sm text-muted">{percent} %</span>
      <Button onClick={() => cancel.mutate(job.id)} disabled={cancel.isPending || job.cancel_requested}>
        {t("cancel")}
      </Button>
    </span>
  );
}
