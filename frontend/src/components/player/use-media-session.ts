"use client";

import { useEffect } from "react";
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
      artwork: [{ src: "/icon.svg", type: "image/svg+xml" }],
    });
  }, [item]);

  useEffect(() => {
    if ("mediaSession" in navigator) navigator.mediaSession.playbackState = playing ? "playing" : "paused";
  }, [playing]);

  useEffect(() => {
    if (!("mediaSession" in navigator)) return;
    const player = () => usePlayer.getState();
    const actions: Partial<Record<MediaSessionAction, MediaSessionActionHandler>> = {
      play: () => player().toggle(),
      pause: () => player().toggle(),
      nexttrack: () => player().next(),
      previoustrack: () => player().previous(),
      seekto: (details) => details.seekTime !== undefined && player().seek(details.seekTime),
      seekforward: (details) => player().seek(player().time + (details.seekOffset ?? 10)),
      seekbackward: (details) => player().seek(player().time - (details.seekOffset ?? 10)),
    };
    for (const [action, handler] of Object.entries(actions))
      navigator.mediaSession.setActionHandler(action as MediaSessionAction, handler);
    return () => {
      for (const action of Object.keys(actions))
        navigator.mediaSession.setActionHandler(action as MediaSessionAction, null);
    };
  }, []);
}
