"use client";

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useState } from "react";
import { answer, api, idempotencyKey, type Job } from "./api/client";
import { ProblemError } from "./api/problem";
import { keepJob, keptJob } from "./kept-jobs";
import type { masterRequest } from "./mastering";
import { isActive, keys } from "./music";
import { useOwnWords } from "./server-words";

/** A mastering preset, as far as the studio shows it. */
export type Preset = { name: string; title: string; description: string; target_lufs: number; true_peak_dbtp: number };

export type EffectParameter = {
  name: string;
  title: string;
  kind: "number" | "choice" | "switch";
  default: number | string | boolean;
  min?: number;
  max?: number;
  unit: string;
  scale: string;
  /** Whether it may move within a song. */
  automatable?: boolean;
  choices?: string[];
};
export type EffectKind = {
  id: string;
  title: string;
  group: string;
  description: string;
  /** Whether another strip's sound may steer it. */
  sidechain?: boolean;
  parameters: EffectParameter[];
};

export function usePresets() {
  const say = useOwnWords();
  return useQuery({
    queryKey: ["presets"],
    staleTime: Infinity,
    queryFn: async () =>
      ((await answer(api.GET("/api/v1/processing/presets"))) as unknown as { items: Preset[] }).items,
    select: useCallback(
      (presets: Preset[]) =>
        presets.map((preset) => ({
          ...preset,
          title: say(preset.title, `preset.${preset.name}`),
          description: say(preset.description, `preset.${preset.name}.about`),
        })),
      [say],
    ),
  });
}

export function useEffectKinds(enabled = true) {
  const say = useOwnWords();
  return useQuery({
    queryKey: ["effects"],
    enabled,
    staleTime: Infinity,
    queryFn: async () =>
      ((await answer(api.GET("/api/v1/processing/effects"))) as unknown as { effects: EffectKind[] }).effects,
    select: useCallback(
      (kinds: EffectKind[]) =>
        kinds.map((kind) => ({
          ...kind,
          title: say(kind.title, `effect.${kind.id}`),
          group: say(kind.group, `group.${kind.group}`),
          description: say(kind.description, `effect.${kind.id}.about`),
          parameters: kind.parameters.map((parameter) => ({
            ...parameter,
            title: say(parameter.title, `parameter.${kind.id}.${parameter.name}`, `parameter.${parameter.name}`),
            unit: say(parameter.unit, `unit.${parameter.unit}`),
          })),
        })),
      [say],
    ),
  });
}

const header = () => ({ "Idempotency-Key": idempotencyKey() });

/** Ask for a mix of the studio's channels. */
export function useBounce() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: Record<string, unknown>) =>
      answer(api.POST("/api/v1/processing/mix", { params: { header: header() }, body: body as never })),
    onSuccess: (job) => queries.setQueryData(["job", job.id], job),
  });
}

/** Ask for a master of a track. */
export function useMaster() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: ReturnType<typeof masterRequest>) =>
      answer(api.POST("/api/v1/processing/master", { params: { header: header() }, body: body as never })),
    onSuccess: (job) => queries.setQueryData(["job", job.id], job),
  });
}

/** Ask for a track to be taken apart. */
export function useSeparate() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: { track_id: string }) =>
      answer(api.POST("/api/v1/processing/separate", { params: { header: header() }, body: body as never })),
    onSuccess: (job) => queries.setQueryData(["job", job.id], job),
  });
}

/** A processing job until its end; the library learns of what it made. */
export function useJob(id: string | undefined) {
  const queries = useQueryClient();
  return useQuery({
    queryKey: ["job", id],
    enabled: Boolean(id),
    queryFn: async (): Promise<Job> => {
      const job = await answer(api.GET("/api/v1/jobs/{job_id}", { params: { path: { job_id: id! } } }));
      if (job.status === "succeeded") void queries.invalidateQueries({ queryKey: keys.tracks });
      return job;
    },
    refetchInterval: (query) => (query.state.data && !isActive(query.state.data) ? false : 700),
  });
}

/**
 * The job that was begun at a place of a page, also after a reload of this tab: it goes on at the server, and its
 * progress and what it made must not be lost. `begun` is what the page itself began. A job that is over is forgotten
 * once it was shown.
 */
export function useKeptJob(place: string, begun: string | undefined) {
  const [kept, setKept] = useState<{ place: string; id: string | null }>();
  useEffect(() => setKept({ place, id: keptJob(place) }), [place]);
  const id = begun ?? (kept?.place === place ? kept.id : null) ?? undefined;
  const job = useJob(id);
  const gone = job.error instanceof ProblemError && job.error.status === 404;
  const over = gone || (job.data ? !isActive(job.data) : false);
  useEffect(() => {
    if (id) keepJob(place, over ? null : id);
  }, [place, id, over]);
  return job;
}
