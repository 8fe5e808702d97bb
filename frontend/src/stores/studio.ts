import { create } from "zustand";
import { settled, type AutomationPoint } from "@/lib/audio/automation";
import { distinct, newBus, repeatedClip, splitClip } from "@/lib/audio/edits";
import { Autosave } from "@/lib/autosave";
import { keptText, readKept, readKeptMix, type MixLink } from "@/lib/audio/kept";
import {
  arrangementOf,
  MASTER,
  PLAIN_MASTER,
  type Arrangement,
  type Channel,
  type Clip,
  type EffectSetting,
  type Lane,
  type Send,
  type Strip,
} from "@/lib/audio/session";

/** Seconds within which changes of the same kind count as one: a fader's way is one step back, not fifty. */
const MERGE_MS = 900;
const MOST_STEPS = 200;

type StudioState = Arrangement & {
  projectId: string;
  bpm: number | null;
  selected: string | null;
  /** The automation lanes that are shown: targets by strip. */
  shown: Record<string, string[]>;
  /** The point of a lane that was touched last. */
  picked: { stripId: string; target: string; at: number } | null;
  past: Arrangement[];
  future: Arrangement[];
  lastEdit: { kind: string; at: number } | null;
  /** Whether effects sound in the preview; null while that is not known. */
  effectsHeard: boolean | null;
  /** The spaces that convolutions of the preview can answer with by now; null: this browser makes none. */
  spaces: readonly string[] | null;
  /** Whether another tab kept something else of this project meanwhile: nothing is kept until that is settled. */
  conflict: boolean;
  /** The mix on the server that versions are saved into; undo leaves it alone. */
  mix: MixLink | null;
  link: (mix: MixLink | null) => void;
  /** A version that sounds in place of the arrangement, for comparison; the next change ends that. */
  auditioned: { number: number; arrangement: Arrangement } | null;
  audition: (auditioned: StudioState["auditioned"]) => void;
  /** Go on with another arrangement, as a step of its own; the one that it replaced. */
  replace: (arrangement: Arrangement) => Arrangement;
  /** Settle it: by what this tab has, or by what the other one kept (one step back brings this tab's again). */
  settle: (by: "this" | "other") => void;
  /** Begin with an arrangement; what was kept of the project wins. */
  open: (projectId: string, bpm: number | null, fresh: Arrangement) => void;
  /** Change the arrangement. Edits of the same `kind` in quick succession are one step. */
  edit: (kind: string, change: (now: Arrangement) => Partial<Arrangement>, at?: number) => void;
  undo: () => void;
  redo: () => void;
  select: (stripId: string | null) => void;
  /** Show or hide lanes of a strip. */
  show: (stripId: string, targets: string[]) => void;
  pick: (picked: StudioState["picked"]) => void;
  /** Start anew from the stems. */
  reset: (fresh: Arrangement) => void;
};

const keptKey = (projectId: string) => `studio.project.${projectId}`;

/** Keeps the project that is open. */
let autosave: Autosave | undefined;
/** Replacements so far: each is a step of its own, however soon it follows another. */
let replacements = 0;

export const useStudio = create<StudioState>((set, get) => {
  const now = () => arrangementOf(get());
  return {
    projectId: "",
    title: "",
    channels: [],
    buses: [],
    master: PLAIN_MASTER,
    bpm: null,
    selected: null,
    shown: {},
    picked: null,
    past: [],
    future: [],
    lastEdit: null,
    effectsHeard: null,
    spaces: [],
    conflict: false,
    mix: null,
    link: (mix) => set({ mix }),
    auditioned: null,
    audition: (auditioned) => set({ auditioned }),
    replace: (arrangement) => {
      const before = now();
      get().edit(`replace:${(replacements += 1)}`, () => arrangement);
      return before;
    },
    settle: (by) => {
      if (by === "this") autosave?.overwrite(keptText(get(), get().mix));
      else {
        const text = autosave?.take() ?? null;
        const kept = readKept(text);
        if (kept) get().edit("other", () => kept);
        if (kept) set({ mix: readKeptMix(text) });
      }
    },
    open: (projectId, bpm, fresh) => {
      set({ conflict: false });
      autosave = new Autosave(
        () => localStorage,
        keptKey(projectId),
        (conflict) => set({ conflict }),
      );
      const kept = readKept(autosave.text);
      set({
        projectId,
        bpm,
        ...(kept ?? fresh),
        mix: readKeptMix(autosave.text),
        auditioned: null,
        selected: null,
        shown: {},
        picked: null,
        past: [],
        future: [],
        lastEdit: null,
      });
    },
    edit: (kind, change, at = Date.now()) => {
      const { lastEdit, past } = get();
      const merged = lastEdit?.kind === kind && at - lastEdit.at < MERGE_MS;
      set({
        ...change(now()),
        past: merged ? past : [...past.slice(1 - MOST_STEPS), now()],
        future: [],
        lastEdit: { kind, at },
        auditioned: null,
      });
    },
    undo: () => {
      const { past, future } = get();
      const before = past.at(-1);
      if (before)
        set({ ...before, past: past.slice(0, -1), future: [now(), ...future], lastEdit: null, auditioned: null });
    },
    redo: () => {
      const { past, future } = get();
      const [after, ...rest] = future;
      if (after) set({ ...after, past: [...past, now()], future: rest, lastEdit: null, auditioned: null });
    },
    select: (selected) => set({ selected }),
    show: (stripId, targets) => set({ shown: { ...get().shown, [stripId]: [...new Set(targets)] } }),
    pick: (picked) => set({ picked }),
    reset: (fresh) => get().edit("reset", () => fresh),
  };
});

if (typeof window !== "undefined") {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const keep = () => {
    timer = undefined;
    autosave?.keep(keptText(useStudio.getState(), useStudio.getState().mix));
  };
  useStudio.subscribe((state, before) => {
    const parts = ["title", "channels", "buses", "master", "mix"] as const;
    const same = parts.every((part) => state[part] === before[part]);
    if (!state.projectId || state.projectId !== before.projectId || same) return;
    clearTimeout(timer);
    timer = setTimeout(keep, 400);
  });
  addEventListener("storage", ({ key }) => {
    const { projectId, edit } = useStudio.getState();
    if (!projectId || key !== keptKey(projectId)) return;
    // What this tab kept, the other one has heard of: only what waits here could be lost.
    const text = autosave?.heard(timer !== undefined) ?? null;
    const kept = readKept(text);
    if (!kept) return;
    // Where the other tab saved a version and changed nothing, there is no step to go back.
    if (keptText(kept) !== keptText(useStudio.getState())) edit("other", () => kept);
    useStudio.setState({ mix: readKeptMix(text) });
  });
  // A page that is left within that moment loses nothing.
  addEventListener("pagehide", () => {
    if (timer === undefined) return;
    clearTimeout(timer);
    keep();
  });
}

/** Change one strip, whichever it is. */
export function editStrip(id: string, kind: string, change: (strip: Strip) => Partial<Strip>): void {
  const changed = <Kind extends Strip>(strip: Kind): Kind => (strip.id === id ? { ...strip, ...change(strip) } : strip);
  useStudio.getState().edit(`${kind}:${id}`, ({ channels, buses, master }) => ({
    channels: channels.map(changed),
    buses: buses.map(changed),
    master: changed(master),
  }));
}

type Leading = Strip & Pick<Channel, "mute" | "solo" | "sends" | "output">;

/** Change where a channel or a bus leads, and whether it is heard. */
export function editRoute(id: string, kind: string, change: (strip: Leading) => Partial<Leading>): void {
  const changed = <Kind extends Leading>(strip: Kind): Kind =>
    strip.id === id ? { ...strip, ...change(strip) } : strip;
  useStudio.getState().edit(`${kind}:${id}`, ({ channels, buses }) => ({
    channels: channels.map(changed),
    buses: buses.map(changed),
  }));
}

/** Set the points of a lane; none: the parameter rests again. */
export function editLane(stripId: string, target: string, kind: string, points: AutomationPoint[]): void {
  editStrip(stripId, `lane:${target}:${kind}`, ({ automation }) => {
    const others = automation.filter((lane) => lane.target !== target);
    const lane: Lane = { target, points: settled(points) };
    return { automation: points.length ? [...others, lane] : others };
  });
}

/** Take an insert out, with everything that moved it. */
export function removeEffect(stripId: string, effectId: string): void {
  editStrip(stripId, `remove${effectId}`, ({ effects, automation }) => ({
    effects: effects.filter(({ id }) => id !== effectId),
    automation: automation.filter(({ target }) => !target.startsWith(`effects/${effectId}/`)),
  }));
}

/** Change a send; null takes it out, with what moved it. */
export function editSend(stripId: string, to: string, change: Partial<Send> | null): void {
  editRoute(stripId, `send:${to}`, ({ sends, automation }) => {
    if (!change)
      return {
        sends: sends.filter((send) => send.to !== to),
        automation: automation.filter(({ target }) => !target.startsWith(`sends/${to}/`)),
      };
    const known = sends.some((send) => send.to === to);
    const list = known ? sends : [...sends, { to, gainDb: -12, preFader: false }];
    return { sends: list.map((send) => (send.to === to ? { ...send, ...change } : send)) };
  });
}

/** One more bus; its id. */
export function addBus(name: (number: number) => string): string {
  const { buses, channels, edit, select } = useStudio.getState();
  const bus = newBus([MASTER, ...buses.map(({ id }) => id), ...channels.map(({ id }) => id)], name);
  edit(`add:${bus.id}`, (now) => ({ buses: [...now.buses, bus] }));
  select(bus.id);
  return bus.id;
}

/** Take a bus out; what fed it goes to the master again. */
export function removeBus(id: string): void {
  const unsteered = (effects: EffectSetting[]) =>
    effects.map((effect) => (effect.sidechain === id ? { ...effect, sidechain: null } : effect));
  const cut = <Kind extends Leading>(strip: Kind): Kind => ({
    ...strip,
    output: strip.output === id ? MASTER : strip.output,
    sends: strip.sends.filter(({ to }) => to !== id),
    effects: unsteered(strip.effects),
    automation: strip.automation.filter(({ target }) => !target.startsWith(`sends/${id}/`)),
  });
  useStudio.getState().edit(`remove:${id}`, ({ channels, buses, master }) => ({
    channels: channels.map(cut),
    buses: buses.filter((bus) => bus.id !== id).map(cut),
    master: { ...master, effects: unsteered(master.effects) },
  }));
  useStudio.getState().select(null);
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
        : { ...channel, clips: distinct(channel.clips.flatMap((clip) => splitClip(clip, seconds))) },
    ),
  }));
}

/** Take a clip out. */
export function removeClip(channelId: string, clipId: string): void {
  editChannel(channelId, `remove:${clipId}`, ({ clips }) => ({ clips: clips.filter((clip) => clip.id !== clipId) }));
}

/** Put a clip once more behind itself. */
export function repeatClip(channelId: string, clipId: string): void {
  editChannel(channelId, `repeat:${clipId}:${Date.now()}`, ({ clips }) => {
    const clip = clips.find(({ id }) => id === clipId);
    return clip ? { clips: distinct([...clips, repeatedClip(clip)]) } : {};
  });
}
