import { create } from "zustand";
import type { Channel, Clip } from "@/lib/audio/session";
import { splitClip } from "@/lib/audio/edits";

/** What undo brings back. */
type Arrangement = { title: string; channels: Channel[] };

/** Seconds within which changes of the same kind count as one: a fader's way is one step back, not fifty. */
const MERGE_MS = 900;
const MOST_STEPS = 200;
const KEPT_VERSION = 1;

type StudioState = Arrangement & {
  projectId: string;
  bpm: number | null;
  selected: string | null;
  past: Arrangement[];
  future: Arrangement[];
  lastEdit: { kind: string; at: number } | null;
  /** Begin with an arrangement; what was kept of the project wins. */
  open: (projectId: string, bpm: number | null, fresh: Arrangement) => void;
  /** Change the arrangement. Edits of the same `kind` in quick succession are one step. */
  edit: (kind: string, change: (now: Arrangement) => Partial<Arrangement>, at?: number) => void;
  undo: () => void;
  redo: () => void;
  select: (channelId: string | null) => void;
  /** Start anew from the stems. */
  reset: (fresh: Arrangement) => void;
};

const keptKey = (projectId: string) => `studio.project.${projectId}`;

/** What the browser keeps of a project; null when there is nothing usable. */
export function readKept(text: string | null): Arrangement | null {
  if (!text) return null;
  try {
    const kept = JSON.parse(text) as Arrangement & { version: number };
    return kept.version === KEPT_VERSION && Array.isArray(kept.channels) && kept.channels.length
      ? { title: String(kept.title), channels: kept.channels }
      : null;
  } catch {
    return null;
  }
}

export const useStudio = create<StudioState>((set, get) => {
  const now = (): Arrangement => ({ title: get().title, channels: get().channels });
  return {
    projectId: "",
    title: "",
    channels: [],
    bpm: null,
    selected: null,
    past: [],
    future: [],
    lastEdit: null,
    open: (projectId, bpm, fresh) => {
      const kept = readKept(localStorage.getItem(keptKey(projectId)));
      set({ projectId, bpm, ...(kept ?? fresh), selected: null, past: [], future: [], lastEdit: null });
    },
    edit: (kind, change, at = Date.now()) => {
      const { lastEdit, past } = get();
      const merged = lastEdit?.kind === kind && at - lastEdit.at < MERGE_MS;
      set({
        ...change(now()),
        past: merged ? past : [...past.slice(1 - MOST_STEPS), now()],
        future: [],
        lastEdit: { kind, at },
      });
    },
    undo: () => {
      const { past, future } = get();
      const before = past.at(-1);
      if (before) set({ ...before, past: past.slice(0, -1), future: [now(), ...future], lastEdit: null });
    },
    redo: () => {
      const { past, future } = get();
      const [after, ...rest] = future;
      if (after) set({ ...after, past: [...past, now()], future: rest, lastEdit: null });
    },
    select: (selected) => set({ selected }),
    reset: (fresh) => get().edit("reset", () => fresh),
  };
});

if (typeof window !== "undefined") {
  let timer: ReturnType<typeof setTimeout> | undefined;
  useStudio.subscribe((state, before) => {
    if (!state.projectId || (state.channels === before.channels && state.title === before.title)) return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      const { projectId, title, channels } = useStudio.getState();
      localStorage.setItem(keptKey(projectId), JSON.stringify({ version: KEPT_VERSION, title, channels }));
    }, 400);
  });
}

/** Change one channel. */
export function editChannel(
  id: string,
  kind: string,
  change: Partial<Channel> | ((channel: Channel) => Partial<Channel>),
): void {
  useStudio.getState().edit(`${kind}:${id}`, ({ channels }) => ({
    channels: channels.map((channel) =>
      channel.id === id ? { ...channel, ...(typeof change === "function" ? change(channel) : change) } : channel,
    ),
  }));
}

/** Change one clip of a channel. */
export function editClip(channelId: string, clipId: string, kind: string, change: Partial<Clip>): void {
  editChannel(channelId, `${kind}:${clipId}`, ({ clips }) => ({
    clips: clips.map((clip) => (clip.id === clipId ? { ...clip, ...change } : clip)),
  }));
}

/** Cut every clip that sounds at a time in two; with a channel, only its own. */
export function splitAt(seconds: number, channelId: string | null): void {
  useStudio.getState().edit(`split:${seconds}`, ({ channels }) => ({
    channels: channels.map((channel) =>
      channelId && channel.id !== channelId
        ? channel
        : { ...channel, clips: channel.clips.flatMap((clip) => splitClip(clip, seconds)) },
    ),
  }));
}

/** Take a clip out. */
export function removeClip(channelId: string, clipId: string): void {
  editChannel(channelId, `remove:${clipId}`, ({ clips }) => ({ clips: clips.filter((clip) => clip.id !== clipId) }));
}
