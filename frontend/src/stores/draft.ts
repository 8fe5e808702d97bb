import { create } from "zustand";
import { createJSONStorage, persist } from "zustand/middleware";
import type { GenerateRequest, Model } from "@/lib/api/client";

export type DraftSection = { section: string; bars: number; prompt?: string };

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
  /** A track whose tune is followed; empty: none. */
  melodyId: string;
  melodyTitle: string;
  /** A track in whose manner the take is; empty: none. */
  styleId: string;
  styleTitle: string;
  /** A track that the take goes on from, and the second at which it does; empty: its end. */
  continueFromId: string;
  continueFromTitle: string;
  /** How long that track is; 0: not known. */
  continueFromSeconds: number;
  continueAt: string;
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
  melodyId: "",
  melodyTitle: "",
  styleId: "",
  styleTitle: "",
  continueFromId: "",
  continueFromTitle: "",
  continueFromSeconds: 0,
  continueAt: "",
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

/** What a song that goes on note for note has of its own, so that no request may say it again. */
const OF_THE_SONG = ["bpm", "key", "spec"] as const;

/** The request that a draft stands for: only what was set, and only what the model takes. */
export function draftRequest(
  draft: Draft,
  model: Pick<Model, "parameters" | "max_duration" | "continues_from"> | undefined,
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
    request.structure = draft.structure.map(({ section, bars, prompt }) => ({
      section,
      bars,
      prompt: (prompt ?? "").trim(),
    }));
    delete request.duration;
  }
  if (takes("negative_prompt") && draft.negativePrompt.trim()) request.negative_prompt = draft.negativePrompt.trim();
  if (takes("guidance_scale") && number(draft.guidance) !== undefined) request.guidance_scale = number(draft.guidance);
  if (takes("temperature") && number(draft.temperature) !== undefined) request.temperature = number(draft.temperature);
  if (takes("melody_id") && draft.melodyId) request.melody_id = draft.melodyId;
  if (takes("style_id") && draft.styleId) request.style_id = draft.styleId;
  if (takes("continue_from_id") && draft.continueFromId) {
    request.continue_from_id = draft.continueFromId;
    const at = number(draft.continueAt);
    if (takes("continue_at") && at !== undefined && at > 0) request.continue_at = at;
    if (model?.continues_from === "notes") {
      for (const name of OF_THE_SONG) delete request[name];
      // The length that is asked for is the whole song's; what is written here is how much is added.
      const from = Math.min(request.continue_at ?? draft.continueFromSeconds, draft.continueFromSeconds);
      if (request.duration !== undefined && from > 0) {
        request.duration = Math.min(from + draft.duration, model.max_duration);
      } else {
        delete request.duration;
      }
    }
  }
  return request;
}

/** Write the next take as one that goes on from a track; what else was written stays. */
export function continueFrom(track: { id: string; title: string; duration: number }): void {
  // The draft of this tab may not have been read yet: a page that does not show it does not read it.
  if (!useDraft.persist.hasHydrated()) void useDraft.persist.rehydrate();
  useDraft.getState().change({
    advanced: true,
    continueFromId: track.id,
    continueFromTitle: track.title,
    continueFromSeconds: track.duration,
    continueAt: "",
  });
}
