"use client";

import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { answer, api } from "./api/client";
import type { components } from "./api/schema";

type Schemas = components["schemas"];
export type Webhook = Schemas["Webhook"];
export type WebhookChange = Schemas["WebhookChange"];
export type Delivery = Schemas["Delivery"];
export type WebhookEvent = Schemas["WebhookRequest"]["events"][number];

export const EVENTS = ["job.queued", "job.started", "job.succeeded", "job.failed", "job.cancelled"] as const;

const WEBHOOKS = ["webhooks"] as const;
const DELIVERIES = ["deliveries"] as const;
/** How often a message that is on its way is looked after. */
const LOOK_EVERY_MS = 3000;

/** The last part of an event's name, by which the catalogue knows it. */
export function eventName(event: WebhookEvent) {
  return event.slice("job.".length) as "queued" | "started" | "succeeded" | "failed" | "cancelled";
}

export function useWebhooks() {
  return useQuery({ queryKey: WEBHOOKS, queryFn: async () => (await answer(api.GET("/api/v1/webhooks"))).items });
}

/** What a webhook was told, newest first; without one the messages that were given up, of all addresses. */
export function useDeliveries(webhook: string | null) {
  const query = useInfiniteQuery({
    queryKey: [...DELIVERIES, webhook],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) =>
      answer(
        webhook === null
          ? api.GET("/api/v1/webhooks/deliveries/dead", { params: { query: { limit: 20, cursor: pageParam } } })
          : api.GET("/api/v1/webhooks/{webhook_id}/deliveries", {
              params: { path: { webhook_id: webhook }, query: { limit: 20, cursor: pageParam } },
            }),
      ),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    refetchInterval: ({ state }) =>
      state.data?.pages[0]?.items.some(({ status }) => status === "pending") ? LOOK_EVERY_MS : false,
  });
  return { ...query, items: query.data?.pages.flatMap((page) => page.items) ?? [] };
}

/** What one may do with webhooks; every change asks anew for what is shown. */
export function useWebhookChanges() {
  const queries = useQueryClient();
  const refresh = () => {
    void queries.invalidateQueries({ queryKey: WEBHOOKS });
    void queries.invalidateQueries({ queryKey: DELIVERIES });
  };
  const at = (id: string) => ({ params: { path: { webhook_id: id } } });
  const changed = ({ id, ...body }: { id: string } & WebhookChange) =>
    answer(api.PATCH("/api/v1/webhooks/{webhook_id}", { ...at(id), body }));
  return {
    make: useMutation({
      // Without an idempotency key: a replayed answer would lack the secret.
      mutationFn: (body: { url: string; description: string; events: WebhookEvent[] }) =>
        answer(api.POST("/api/v1/webhooks", { body })),
      onSettled: refresh,
    }),
    /** Switch one on or off. */
    change: useMutation({ mutationFn: changed, onSettled: refresh }),
    /** Give one another address or other events; apart, so that the form has a failure of its own. */
    edit: useMutation({ mutationFn: changed, onSettled: refresh }),
    test: useMutation({
      mutationFn: (id: string) => answer(api.POST("/api/v1/webhooks/{webhook_id}/test", at(id))),
      onSettled: refresh,
    }),
    renew: useMutation({
      mutationFn: (id: string) => answer(api.POST("/api/v1/webhooks/{webhook_id}/secret", at(id))),
    }),
    remove: useMutation({
      mutationFn: (id: string) => answer(api.DELETE("/api/v1/webhooks/{webhook_id}", at(id))),
      onSettled: refresh,
    }),
    again: useMutation({
      mutationFn: (id: string) =>
        answer(
          api.POST("/api/v1/webhooks/deliveries/{delivery_id}/redeliver", { params: { path: { delivery_id: id } } }),
        ),
      onSettled: refresh,
    }),
  };
}
