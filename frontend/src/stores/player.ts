import { create } from "zustand";
import { engine } from "@/lib/audio/player-engine";

/** Something that can be put on: a finished track, a take that is still being made, or a shipped example. */
export type Playable = {
  /** A track's id, a job's id for a take that is being made, or an example's name. */
  id: string;
  title: string;
  artist: string;
  src: string;
  /** Seconds; for a take, what was asked for. */
  duration: number;
  /** True while `src` is the sound of a take that may still be in the making. */
  live?: boolean;
  /** The track page, where there is one. */
  href?: string;
  /** Where its picture is; without one it is drawn here. Takes `size` as a further value of its query. */
  cover?: string;
};

export type Repeat = "off" | "all" | "one";

type PlayerState = {
  queue: Playable[];
  index: number;
  playing: boolean;
  waiting: boolean;
  failed: boolean;
  time: number;
  duration: number;
  volume: number;
  muted: boolean;
  shuffle: boolean;
  repeat: Repeat;
  /** What was on before, the latest last: the way back, and under shuffle what had its turn. */
  trail: Playable[];
  /** What was taken off because the server has it no longer: for a word about it. */
  lost: Playable | null;
  current: () => Playable | undefined;
  /** Put a list on, from one of its entries. */
  play: (list: Playable[], index?: number) => void;
  /** Pause or go on with what is on; with an item, put it on unless it is on already. */
  toggle: (item?: Playable) => void;
  enqueue: (item: Playable, next?: boolean) => void;
  /** Take an entry out. Where that one plays, what follows it goes on. */
  remove: (index: number) => void;
  jump: (index: number) => void;
  next: (byItself?: boolean) => void;
  previous: () => void;
  seek: (seconds: number) => void;
  setVolume: (volume: number) => void;
  toggleMute: () => void;
  toggleShuffle: () => void;
  cycleRepeat: () => void;
  /** Move an entry of the queue to another place. */
  move: (from: number, to: number) => void;
  /** Leave only what is on. */
  clear: () => void;
  /** Try again what could not be played, from where it stopped. */
  retry: () => void;
  /** Take up what a former page of this tab left, without playing it. */
  resume: (kept: KeptQueue) => void;
  /** A take became a track: from now on the file can be sought in, and survives a reload. */
  settle: (jobId: string, track: Playable) => void;
  /** A track got another picture. */
  dress: (id: string, cover: string) => void;
  /** Take something off, however often it stands in the queue. */
  forget: (id: string) => void;
  /** What is on does not sound. What the server has no longer leaves the queue, and the music goes on behind it. */
  fail: () => Promise<void>;
};

const VOLUME_KEY = "studio.volume";

function storedVolume(): number {
  if (typeof localStorage === "undefined") return 0.9;
  const value = Number(localStorage.getItem(VOLUME_KEY));
  return value > 0 && value <= 1 ? value : 0.9;
}

/** The index after `index`; null when the list is over. */
export function following(index: number, length: number, repeat: Repeat): number | null {
  if (!length) return null;
  if (index + 1 < length) return index + 1;
  return repeat === "all" ? 0 : null;
}

/**
 * Any entry that had no turn yet, each as likely; null when all had theirs. With "all" another round begins, with any
 * entry but the one that is on.
 */
export function shuffled(
  index: number,
  queue: readonly Playable[],
  trail: readonly Playable[],
  repeat: Repeat,
  random: () => number,
): number | null {
  const others = queue.flatMap((_, at) => (at === index ? [] : [at]));
  const fresh = others.filter((at) => !trail.includes(queue[at]!));
  const open = fresh.length ? fresh : repeat === "all" ? others : [];
  return open[Math.floor(random() * open.length)] ?? null;
}

/** What a reload leaves of the queue: tracks only, since a take's stream may be over. */
export type KeptQueue = Pick<PlayerState, "queue" | "index" | "time" | "shuffle" | "repeat">;

/** Whether a kept address leads to our own server. */
const isOurs = (address: unknown) => typeof address === "string" && /^\/[^/]/.test(address);

/** Read what was kept; null when there is nothing to take up. */
export function readQueue(text: string | null): KeptQueue | null {
  try {
    const kept = JSON.parse(text ?? "null") as Partial<KeptQueue> | null;
    const queue = kept?.queue;
    const whole = Array.isArray(queue) && queue.every((item) => isOurs(item?.src) && isOurs(item.cover ?? item.src));
    if (!kept || !whole || !queue[kept.index ?? -1]) return null;
    return {
      queue,
      index: kept.index!,
      time: Number(kept.time) || 0,
      shuffle: kept.shuffle === true,
      repeat: kept.repeat === "all" || kept.repeat === "one" ? kept.repeat : "off",
    };
  } catch {
    return null;
  }
}

/** What to keep, as text; empty when there is nothing that lasts. */
export function keptQueue({ queue, index, time, shuffle, repeat }: KeptQueue): string {
  const lasting = queue.filter((item) => !item.live);
  const at = lasting.indexOf(queue[index]!);
  if (at < 0) return "";
  return JSON.stringify({ queue: lasting, index: at, time, shuffle, repeat });
}

const LONGEST_TRAIL = 500;

/** Whether the server says that something is there no longer. A server that does not answer says nothing. */
async function isGone(src: string): Promise<boolean> {
  try {
    const { status } = await fetch(src, { method: "HEAD", credentials: "same-origin" });
    return status === 404 || status === 410;
  } catch {
    return false;
  }
}

export const usePlayer = create<PlayerState>((set, get) => {
  const start = (index: number, back = false) => {
    const { queue, trail, current } = get();
    const item = queue[index];
    if (!item) return;
    const before = current();
    const went = back || !before || before === item ? trail : [...trail, before].slice(-LONGEST_TRAIL);
    set({ index, trail: went, time: 0, duration: item.duration, failed: false, waiting: true });
    engine.load(item.src, item.duration);
    engine.play();
  };
  const takeOut = (at: number, goOn: boolean) => {
    const { queue, index, trail, shuffle, repeat } = get();
    const item = queue[at];
    if (!item) return;
    const rest = queue.filter((_, position) => position !== at);
    const left = { queue: rest, trail: trail.filter((entry) => entry !== item || rest.includes(entry)) };
    if (at !== index) return set({ ...left, index: at < index ? index - 1 : index });
    engine.stop();
    const behind = shuffle
      ? shuffled(-1, rest, left.trail, repeat, Math.random)
      : following(at - 1, rest.length, repeat);
    const resting = rest.length ? Math.min(at, rest.length - 1) : -1;
    // Whatever was true of the one that left says nothing about the next.
    const upcoming = rest[resting];
    const still = { playing: false, waiting: false, failed: false, time: 0 };
    set({ ...left, ...still, index: resting, duration: upcoming?.duration ?? 0 });
    if (goOn && behind !== null) {
      if (left.trail.includes(rest[behind]!)) set({ trail: [] });
      start(behind, true);
    } else if (upcoming) engine.load(upcoming.src, upcoming.duration);
  };
  /** Put others in the place of entries. Each keeps an identity of its own: what had its turn is known by it. */
  const renew = (which: (item: Playable) => boolean, by: (item: Playable) => Playable) => {
    const { queue, trail } = get();
    const others = new Map([...queue, ...trail].filter(which).map((item) => [item, by(item)]));
    if (!others.size) return;
    const renewed = (item: Playable) => others.get(item) ?? item;
    set({ queue: queue.map(renewed), trail: trail.map(renewed) });
  };
  return {
    queue: [],
    index: -1,
    playing: false,
    waiting: false,
    failed: false,
    time: 0,
    duration: 0,
    volume: storedVolume(),
    muted: false,
    shuffle: false,
    repeat: "off",
    trail: [],
    lost: null,
    current: () => get().queue[get().index],
    play: (list, index = 0) => {
      if (!list.length) return;
      set({ queue: list, trail: [], index: -1 });
      start(Math.min(Math.max(0, Math.trunc(index) || 0), list.length - 1));
    },
    toggle: (item) => {
      const { current, playing, failed } = get();
      if (failed && (!item || current()?.id === item.id)) get().retry();
      else if (item && current()?.id !== item.id) {
        const at = get().queue.findIndex((queued) => queued.id === item.id);
        if (at >= 0) start(at);
        else get().play([item]);
      } else if (playing) engine.pause();
      else if (current()) engine.play();
    },
    enqueue: (item, next = false) => {
      const { queue, index } = get();
      if (!queue.length) return get().play([item]);
      const at = next ? index + 1 : queue.length;
      set({ queue: [...queue.slice(0, at), item, ...queue.slice(at)] });
    },
    remove: (at) => takeOut(at, get().playing),
    jump: (index) => start(index),
    next: (byItself = false) => {
      const { index, queue, repeat, shuffle, trail } = get();
      if (byItself && repeat === "one") return start(index);
      const around = byItself || repeat === "off" ? repeat : "all";
      if (!shuffle || queue.length < 2) {
        const upcoming = following(index, queue.length, around);
        return upcoming === null ? undefined : start(upcoming);
      }
      const upcoming = shuffled(index, queue, trail, around, Math.random);
      if (upcoming === null) return;
      // All had their turn: the next round begins.
      if (trail.includes(queue[upcoming]!)) set({ trail: [] });
      start(upcoming);
    },
    previous: () => {
      const { index, time, shuffle, trail, queue } = get();
      const last = shuffle ? queue.indexOf(trail.at(-1)!) : index - 1;
      if (!queue.length) return;
      if (time > 3 || last < 0) return get().seek(0);
      if (shuffle) set({ trail: trail.slice(0, -1) });
      start(last, true);
    },
    seek: (seconds) => {
      const { duration } = get();
      if (!Number.isFinite(seconds)) return;
      engine.seek(Math.max(0, Math.min(seconds, duration || seconds)));
    },
    setVolume: (wanted) => {
      if (!Number.isFinite(wanted)) return;
      const volume = Math.min(1, Math.max(0, wanted));
      set({ volume, muted: false });
      engine.setVolume(volume);
      localStorage.setItem(VOLUME_KEY, String(volume));
    },
    toggleMute: () => {
      const muted = !get().muted;
      set({ muted });
      engine.setVolume(muted ? 0 : get().volume);
    },
    toggleShuffle: () => set({ shuffle: !get().shuffle }),
    cycleRepeat: () => set({ repeat: ({ off: "all", all: "one", one: "off" } as const)[get().repeat] }),
    move: (from, to) => {
      const { queue, index } = get();
      if (from === to || !queue[from] || to < 0 || to >= queue.length) return;
      const on = queue[index];
      const moved = queue.filter((_, at) => at !== from);
      moved.splice(to, 0, queue[from]);
      const between = from < index && to >= index ? -1 : from > index && to <= index ? 1 : 0;
      set({ queue: moved, index: from === index ? to : on ? index + between : index });
    },
    clear: () => {
      const item = get().current();
      set({ queue: item ? [item] : [], index: item ? 0 : -1, trail: [] });
    },
    retry: () => {
      const { index, time } = get();
      start(index, true);
      if (time > 0) engine.seek(time);
    },
    resume: (kept) => {
      const item = kept.queue[kept.index];
      if (get().queue.length || !item) return;
      set({ ...kept, duration: item.duration });
      engine.load(item.src, item.duration);
      if (kept.time > 0) engine.seek(kept.time);
    },
    settle: (jobId, track) => {
      const { queue, current } = get();
      const isIt = ({ id }: Playable) => id === jobId;
      if (!queue.some(isIt)) return;
      const on = current();
      renew(isIt, () => ({ ...track }));
      if (on && isIt(on)) {
        set({ duration: track.duration });
        engine.settle(track.src, track.duration);
      }
    },
    dress: (id, cover) =>
      renew(
        (item) => item.id === id && !item.live,
        (item) => ({ ...item, cover }),
      ),
    forget: (id) => {
      for (let at = get().queue.length - 1; at >= 0; at -= 1) if (get().queue[at]?.id === id) get().remove(at);
    },
    fail: async () => {
      const item = get().current();
      set({ failed: true, playing: false, waiting: false });
      if (!item || item.live || !(await isGone(item.src))) return;
      const { failed, current, index } = get();
      if (!failed || current() !== item) return;
      set({ lost: item });
      takeOut(index, true);
    },
  };
});

const QUEUE_KEY = "studio.queue";

/** Forget what this tab would take up again: nobody who signs in next shall see it. */
export function forgetQueue(): void {
  sessionStorage.removeItem(QUEUE_KEY);
}

/** Take up the queue of before a reload, and keep it for the next one. Returns how to stop. */
export function keepQueue(): () => void {
  const kept = readQueue(sessionStorage.getItem(QUEUE_KEY));
  if (kept) usePlayer.getState().resume(kept);
  const keep = () => {
    const text = keptQueue(usePlayer.getState());
    if (text) sessionStorage.setItem(QUEUE_KEY, text);
    else forgetQueue();
  };
  const goOn = () => usePlayer.getState().failed && usePlayer.getState().retry();
  addEventListener("pagehide", keep);
  addEventListener("online", goOn);
  return () => {
    removeEventListener("pagehide", keep);
    removeEventListener("online", goOn);
  };
}

engine.listen({
  time: (time) => usePlayer.setState({ time }),
  playing: (playing) => usePlayer.setState({ playing, ...(playing ? { waiting: false, failed: false } : {}) }),
  waiting: (waiting) => usePlayer.setState({ waiting }),
  failed: () => void usePlayer.getState().fail(),
  ended: () => usePlayer.getState().next(true),
});
