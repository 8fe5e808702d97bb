"use client";

import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { answer, api, idempotencyKey } from "./api/client";
import type { components } from "./api/schema";
import { keys } from "./music";

export type Project = components["schemas"]["Project"];

export const projectKeys = {
  all: ["projects"] as const,
  list: ["projects", "list"] as const,
  one: (id: string) => ["projects", "one", id] as const,
};

/** What stands for the tracks that lie in no project. */
export const NO_PROJECT = "none";

/** One's projects, newest first, a page at a time. */
export function useProjects(enabled = true) {
  const query = useInfiniteQuery({
    queryKey: projectKeys.list,
    enabled,
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) =>
      answer(api.GET("/api/v1/projects", { params: { query: { limit: 50, cursor: pageParam } } })),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
  return { ...query, items: query.data?.pages.flatMap((page) => page.items) ?? [] };
}

/** One project; none for all tracks and for those in no project. */
export function useProject(id: string | undefined) {
  return useQuery({
    queryKey: projectKeys.one(id ?? ""),
    enabled: Boolean(id) && id !== NO_PROJECT,
    queryFn: () => answer(api.GET("/api/v1/projects/{project_id}", { params: { path: { project_id: id! } } })),
  });
}

/** Make, rename and remove projects; every change asks anew for what is shown. */
export function useProjectChanges() {
  const queries = useQueryClient();
  const refresh = () => queries.invalidateQueries({ queryKey: projectKeys.all });
  return {
    make: useMutation({
      mutationFn: (title: string) =>
        answer(
          api.POST("/api/v1/projects", {
            params: { header: { "Idempotency-Key": idempotencyKey() } },
            body: { title, description: "" },
          }),
        ),
      onSuccess: refresh,
    }),
    rename: useMutation({
      mutationFn: ({ id, title }: { id: string; title: string }) =>
        answer(api.PATCH("/api/v1/projects/{project_id}", { params: { path: { project_id: id } }, body: { title } })),
      onSuccess: (project) => {
        queries.setQueryData(projectKeys.one(project.id), project);
        void refresh();
      },
    }),
    remove: useMutation({
      // Kept alive, so that it also arrives when the page is being left.
      mutationFn: (id: string) =>
        answer(api.DELETE("/api/v1/projects/{project_id}", { params: { path: { project_id: id } }, keepalive: true })),
      onSettled: () => {
        void refresh();
        void queries.invalidateQueries({ queryKey: keys.tracks });
      },
    }),
  };
}
