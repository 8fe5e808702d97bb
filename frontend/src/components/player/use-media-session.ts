"use client";

import { useEffect } from "react";
import { withValue } from "@/lib/sharing";
import { usePlayer } from "@/stores/player";

/** The keyboard's and the phone's own media keys, and what their screens show. */
export function useMediaSession(): void {
  const item = usePlayer((player) => player.queue[player.index]);
  const playing = usePlayer((player) => player.playing);

  useEffect(() => {
    if (!("mediaSession" in navigator) || !item) return;
    navigator.mediaSession.metadata = new MediaMetadata({
      title: item.title,
      artist: item.artist,
      artwork: item.cover
        ? [160, 640].map((size) => ({
            src: withValue(item.cover!, "size", size),
            sizes: `${size}x${size}`,
            type: "image/jpeg",
          }))
        : [{ src: "/icon.svg", type: "image/svg+xml" }],
    });
  }, [item]);

  useEffect(() => {
    if ("mediaSession" in navigator) navigator.mediaSession.playbackState = playing ? "playing" : "paused";
  }, [playing]);

  const duration = usePlayer((player) => player.duration);
  const second = usePlayer((player) => Math.floor(player.time));
  useEffect(() => {
    if (!("mediaSession" in navigator) || !(duration > 0)) return;
    navigator.mediaSession.setPositionState?.({ duration, position: Math.min(second, duration), playbackRate: 1 });
  }, [duration, second]);

  useEffect(() => {
    if (!("mediaSession" in navigator)) return;
    const player = () => usePlayer.getState();
    const actions: Partial<Record<MediaSessionAction, MediaSessionActionHandler>> = {
      // A key that says what it wants is not a switch.
      play: () => !player().playing && player().toggle(),
      pause: () => player().playing && player().toggle(),
      stop: () => player().playing && player().toggle(),
      nexttrack: () => player().next(),
      previoustrack: () => player().previous(),
      seekto: (details) => details.seekTime !== undefined && player().seek(details.seekTime),
      seekforward: (details) => player().seek(player().time + (details.seekOffset ?? 10)),
      seekbackward: (details) => player().seek(player().time - (details.seekOffset ?? 10)),
    };
    const set = (action: string, handler: MediaSessionActionHandler | null) => {
      try {
        navigator.mediaSession.setActionHandler(action as MediaSessionAction, handler);
      } catch {
        // A browser that does not know an action does without it.
      }
    };
    for (const [action, handler] of Object.entries(actions)) set(action, handler);
    return () => {
      for (const action of Object.keys(actions)) set(action, null);
    };
  }, []);
}
