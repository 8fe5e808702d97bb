"use client";

import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { answer, api } from "./api/client";
import type { components } from "./api/schema";

type Schemas = components["schemas"];
export type Report = Schemas["Report"];
export type ReportKind = Report["kind"];
export type ReportStatus = Report["status"];
export type ReportReason = Report["reason"];
export type Decision = Schemas["Verdict"]["decision"];

export const REASONS: readonly ReportReason[] = [
  "copyright",
  "spam",
  "hate",
  "sexual",
  "violence",
  "impersonation",
  "other",
];

const REPORTS = ["moderation", "reports"] as const;

/** What moderators may do with something that was reported. */
export function decisionsOn(kind: ReportKind): Decision[] {
  return kind === "user" ? ["dismiss", "suspend"] : ["dismiss", "hide", "suspend"];
}

/** Tell moderators of something that breaks the rules. */
export function useReport() {
  return useMutation({
    mutationFn: (body: Schemas["NewReport"]) => answer(api.POST("/api/v1/reports", { body })),
  });
}

/** The moderators' queue: open ones oldest first, decided ones newest first. */
export function useReports(status: ReportStatus, kind: ReportKind | null) {
  const query = useInfiniteQuery({
    queryKey: [...REPORTS, status, kind],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) =>
      answer(
        api.GET("/api/v1/moderation/reports", {
          params: { query: { status, kind: kind ?? undefined, cursor: pageParam, limit: 30 } },
          signal,
        }),
      ),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
  return { ...query, items: query.data?.pages.flatMap((page) => page.items) ?? [] };
}

/** Decide about a report, or show a hidden track again; the queue is asked for anew in any case. */
export function useVerdicts() {
  const queries = useQueryClient();
  const onSettled = () => queries.invalidateQueries({ queryKey: REPORTS });
  return {
    decide: useMutation({
      mutationFn: ({ id, ...body }: { id: string; decision: Decision; note: string }) =>
        answer(
          api.POST("/api/v1/moderation/reports/{report_id}/decision", { params: { path: { report_id: id } }, body }),
        ),
      onSettled,
    }),
    show: useMutation({
      mutationFn: (track: string) =>
        answer(api.DELETE("/api/v1/moderation/tracks/{track_id}/hidden", { params: { path: { track_id: track } } })),
      onSettled,
    }),
  };
}
