import { create } from "zustand";
import { createJSONStorage, persist } from "zustand/middleware";
import type { GenerateRequest, Model } from "@/lib/api/client";

export type DraftSection = { section: string; bars: number };

/** What is being written on the create page. Texts of number fields stay texts, so that half-typed ones are kept. */
export type Draft = {
  prompt: string;
  /** Seconds. */
  duration: number;
  /** Null: the server's default. */
  model: string | null;
  count: number;
  advanced: boolean;
  title: string;
  seed: string;
  bpm: string;
  tonic: string;
  mode: string;
  instruments: string[];
  structure: DraftSection[];
  negativePrompt: string;
  guidance: string;
  temperature: string;
};

export const EMPTY_DRAFT: Draft = {
  prompt: "",
  duration: 30,
  model: null,
  count: 1,
  advanced: false,
  title: "",
  seed: "",
  bpm: "",
  tonic: "",
  mode: "major",
  instruments: [],
  structure: [],
  negativePrompt: "",
  guidance: "",
  temperature: "",
};

type DraftStore = Draft & { change: (change: Partial<Draft>) => void; reset: () => void };

/** Kept for the tab: neither a reload nor a detour to sign in loses a half-written idea. */
export const useDraft = create<DraftStore>()(
  persist(
    (set) => ({
      ...EMPTY_DRAFT,
      change: (change) => set(change),
      reset: () => set(EMPTY_DRAFT),
    }),
    { name: "studio.draft", storage: createJSONStorage(() => sessionStorage), skipHydration: true },
  ),
);

function number(text: string): number | undefined {
  const value = Number(text.replace(",", "."));
  return text.trim() === "" || !Number.isFinite(value) ? undefined : value;
}

/** The request that a draft stands for: only what was set, and only what the model takes. */
export function draftRequest(
  draft: Draft,
  model: Pick<Model, "parameters" | "max_duration"> | undefined,
): GenerateRequest {
  const takes = (name: string) => !model || model.parameters.includes(name);
  const request: GenerateRequest = {
    prompt: draft.prompt.trim(),
    duration: Math.min(draft.duration, model?.max_duration ?? draft.duration),
  };
  if (draft.model) request.model = draft.model;
  if (!draft.advanced) return request;
  if (draft.title.trim()) request.title = draft.title.trim();
  if (number(draft.seed) !== undefined) request.seed = number(draft.seed);
  if (takes("bpm") && number(draft.bpm) !== undefined) request.bpm = number(draft.bpm);
  if (takes("key") && draft.tonic) request.key = `${draft.tonic} ${draft.mode}`;
  if (takes("spec") && draft.instruments.length) request.spec = { instruments: draft.instruments };
  if (takes("structure") && draft.structure.length) {
    request.structure = draft.structure.map(({ section, bars }) => ({ section, bars, prompt: "" }));
    delete request.duration;
  }
  if (takes("negative_prompt") && draft.negativePrompt.trim()) request.negative_prompt = draft.negativePrompt.trim();
  if (takes("guidance_scale") && number(draft.guidance) !== undefined) request.guidance_scale = number(draft.guidance);
  if (takes("temperature") && number(draft.temperature) !== undefined) request.temperature = number(draft.temperature);
  return request;
}
