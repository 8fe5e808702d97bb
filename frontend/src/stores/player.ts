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
  current: () => Playable | undefined;
  /** Put a list on, from one of its entries. */
  play: (list: Playable[], index?: number) => void;
  /** Pause or go on with what is on; with an item, put it on unless it is on already. */
  toggle: (item?: Playable) => void;
  enqueue: (item: Playable, next?: boolean) => void;
  remove: (index: number) => void;
  jump: (index: number) => void;
  next: (byItself?: boolean) => void;
  previous: () => void;
  seek: (seconds: number) => void;
  setVolume: (volume: number) => void;
  toggleMute: () => void;
  toggleShuffle: () => void;
  cycleRepeat: () => void;
  /** A take became a track: from now on the file can be sought in, and survives a reload. */
  settle: (jobId: string, track: Playable) => void;
  /** Take something off, wherever it stands in the queue. */
  forget: (id: string) => void;
};

const VOLUME_KEY = "studio.volume";

function storedVolume(): number {
  if (typeof localStorage === "undefined") return 0.9;
  const value = Number(localStorage.getItem(VOLUME_KEY));
  return value > 0 && value <= 1 ? value : 0.9;
}

/** The index after `index`; null when the list is over. */
export function following(
  index: number,
  length: number,
  repeat: Repeat,
  shuffle: boolean,
  random: () => number,
): number | null {
  if (!length) return null;
  if (shuffle && length > 1) {
    const other = Math.floor(random() * (length - 1));
    return other >= index ? other + 1 : other;
  }
  if (index + 1 < length) return index + 1;
  return repeat === "all" ? 0 : null;
}

export const usePlayer = create<PlayerState>((set, get) => {
  const start = (index: number) => {
    const item = get().queue[index];
    if (!item) return;
    set({ index, time: 0, duration: item.duration, failed: false, waiting: true });
    engine.load(item.src, item.duration);
    engine.play();
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
    current: () => get().queue[get().index],
    play: (list, index = 0) => {
      set({ queue: list });
      start(index);
    },
    toggle: (item) => {
      const { current, playing } = get();
      if (item && current()?.id !== item.id) {
        const at = get().queue.findIndex((queued) => queued.id === item.id);
        if (at >= 0) start(at);
        else get().play([item]);
      } else if (playing) engine.pause();
      else engine.play();
    },
    enqueue: (item, next = false) => {
      const { queue, index } = get();
      if (!queue.length) return get().play([item]);
      const at = next ? index + 1 : queue.length;
      set({ queue: [...queue.slice(0, at), item, ...queue.slice(at)] });
    },
    remove: (at) => {
      const { queue, index } = get();
      const rest = queue.filter((_, position) => position !== at);
      if (at === index) {
        engine.stop();
        set({ queue: rest, index: rest.length ? Math.min(at, rest.length - 1) : -1, playing: false, time: 0 });
        const upcoming = get().current();
        if (upcoming) engine.load(upcoming.src, upcoming.duration);
      } else set({ queue: rest, index: at < index ? index - 1 : index });
    },
    jump: start,
    next: (byItself = false) => {
      const { index, queue, repeat, shuffle } = get();
      if (byItself && repeat === "one") return start(index);
      const upcoming = following(
        index,
        queue.length,
        byItself ? repeat : repeat === "off" ? "off" : "all",
        shuffle,
        Math.random,
      );
      if (upcoming !== null) start(upcoming);
    },
    previous: () => {
      const { index, time } = get();
      if (time > 3 || index <= 0) get().seek(0);
      else start(index - 1);
    },
    seek: (seconds) => {
      const { duration } = get();
      engine.seek(Math.max(0, Math.min(seconds, duration || seconds)));
    },
    setVolume: (volume) => {
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
    settle: (jobId, track) => {
      const { queue, index } = get();
      const at = queue.findIndex((item) => item.id === jobId);
      if (at < 0) return;
      set({ queue: queue.map((item, position) => (position === at ? track : item)) });
      if (at === index) {
        set({ duration: track.duration });
        engine.settle(track.src, track.duration);
      }
    },
    forget: (id) => {
      const at = get().queue.findIndex((item) => item.id === id);
      if (at >= 0) get().remove(at);
    },
  };
});

engine.listen({
  time: (time) => usePlayer.setState({ time }),
  playing: (playing) => usePlayer.setState({ playing, ...(playing ? { waiting: false, failed: false } : {}) }),
  waiting: (waiting) => usePlayer.setState({ waiting }),
  failed: () => usePlayer.setState({ failed: true, playing: false, waiting: false }),
  ended: () => usePlayer.getState().next(true),
});
