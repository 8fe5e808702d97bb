"use client";

import { useFormatter, useNow, useTranslations } from "use-intl";
import { toast } from "sonner";
import { Button } from "@/components/ui/button";
import { Failed, Skeleton } from "@/components/ui/states";
import { useProblemText } from "@/lib/use-problem-text";
import { useDeliveries, useWebhookChanges, type Delivery } from "@/lib/webhooks";

const COLOURS = { pending: "text-muted", succeeded: "text-good", dead: "text-bad" };

/** Messages and how far they got: of one webhook, or those of all that were given up. */
export function Deliveries({ webhook, label }: { webhook: string | null; label: string }) {
  const t = useTranslations("webhooks");
  const text = useProblemText();
  const deliveries = useDeliveries(webhook);
  const { again } = useWebhookChanges();
  if (deliveries.isPending) return <Skeleton className="mt-2 h-16" />;
  if (deliveries.error && deliveries.items.length === 0)
    return <Failed failure={deliveries.error} retry={() => void deliveries.refetch()} />;
  if (deliveries.items.length === 0) return <p className="mt-2 text-sm text-muted">{t("noMessages")}</p>;
  return (
    <>
      <ul aria-label={label} className="mt-1 divide-y divide-line">
        {deliveries.items.map((delivery) => (
          <Line
            key={delivery.id}
            delivery={delivery}
            withAddress={webhook === null}
            busy={again.isPending && again.variables === delivery.id}
            onAgain={() =>
              again.mutate(delivery.id, {
                onSuccess: () => toast(t("onItsWay")),
                onError: (failure) => toast.error(text(failure)),
              })
            }
          />
        ))}
      </ul>
      {deliveries.hasNextPage && (
        <Button
          size="small"
          className="mt-2"
          disabled={deliveries.isFetchingNextPage}
          onClick={() => void deliveries.fetchNextPage()}
        >
          {t("older")}
        </Button>
      )}
    </>
  );
}

function Line({
  delivery,
  withAddress,
  busy,
  onAgain,
}: {
  delivery: Delivery;
  withAddress: boolean;
  busy: boolean;
  onAgain: () => void;
}) {
  const t = useTranslations("webhooks");
  const format = useFormatter();
  const now = useNow();
  const { event, status, attempts, error, response_status: answered } = delivery;
  const facts = [
    format.relativeTime(new Date(delivery.created_at), now),
    t("tries", { count: attempts }),
    answered ? t("answered", { status: answered }) : "",
  ];
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-1 py-2 text-sm">
      <div className="min-w-0 flex-1 basis-52">
        <p>
          <code>{event}</code> <span className={`font-semibold ${COLOURS[status]}`}>{t(`status.${status}`)}</span>
        </p>
        <p className="tabular text-muted">{facts.filter(Boolean).join(" · ")}</p>
        {withAddress && <p className="truncate text-muted">{delivery.url}</p>}
        {error && status !== "succeeded" && <p className="break-words text-muted">{error}</p>}
      </div>
      {status !== "pending" && (
        <Button size="small" disabled={busy} aria-label={t("againOne", { event })} onClick={onAgain}>
          {t("again")}
        </Button>
      )}
    </li>
  );
}
