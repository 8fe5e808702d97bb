"use client";

import { useQueryClient, type QueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { onSignedOut } from "@/lib/api/client";
import { social } from "@/lib/community";
import { applyChange } from "@/lib/live/cached-jobs";
import { LiveFeed } from "@/lib/live/feed";
import { isActive, keys, playableTrack, useTakes } from "@/lib/music";
import { answer, api } from "@/lib/api/client";
import { useSession } from "@/lib/session";
import { useFrame } from "@/stores/frame";
import { useLivePeaks } from "@/stores/live-peaks";
import { usePlayer } from "@/stores/player";

/** Ask anew for the news, and for what they are about where it is in view. */
function refreshNews(queries: QueryClient): Promise<unknown> {
  const about = [social.unread, social.notifications, ["comments"], ["track"]];
  return Promise.all(about.map((queryKey) => queries.invalidateQueries({ queryKey })));
}

/**
 * Keeps the takes fresh on whatever page one is: over the WebSocket, or by asking when that does not come up. Sees to it that
 * a take that is listened to becomes its track in the player when it is finished.
 */
export function LiveJobs() {
  const queries = useQueryClient();
  const { user } = useSession();
  const { data: takes } = useTakes(Boolean(user));
  const active = takes?.some(isActive) ?? false;
  const userId = user?.id;
  const feeds = useRef<LiveFeed | null>(null);

  useEffect(() => onSignedOut(() => queries.setQueryData(["me"], null)), [queries]);

  useEffect(() => {
    if (!userId) return;
    const feed = new LiveFeed({
      url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/v1/ws`,
      onJob: (id, change) => applyChange(queries, id, change),
      onNotification: () => void refreshNews(queries),
      onGap: () => {
        void queries.invalidateQueries({ queryKey: keys.jobs });
        void refreshNews(queries);
        // What could not be had while the server was away.
        void queries.invalidateQueries({ predicate: ({ state }) => state.status === "error" });
      },
      onReach: (reached) => useFrame.setState({ serverLost: !reached }),
      poll: () => void queries.invalidateQueries({ queryKey: keys.jobs }),
    });
    feeds.current = feed;
    feed.start();
    const wake = () => feed.wake();
    addEventListener("online", wake);
    return () => {
      removeEventListener("online", wake);
      feed.stop();
      useFrame.setState({ serverLost: false });
    };
  }, [userId, queries]);

  useEffect(() => {
    if (feeds.current) feeds.current.busy = active;
  }, [active, userId]);

  useEffect(() => {
    for (const job of takes ?? []) {
      if (isActive(job)) {
        if (job.status === "running") useLivePeaks.getState().follow(job.id);
        continue;
      }
      if (job.status === "cancelled") useLivePeaks.getState().drop(job.id);
      const trackId = job.result?.track_ids[0];
      const queued = usePlayer.getState().queue.some((item) => item.id === job.id);
      if (trackId && queued) {
        void queries
          .fetchQuery({
            queryKey: keys.track(trackId),
            queryFn: () => answer(api.GET("/api/v1/tracks/{track_id}", { params: { path: { track_id: trackId } } })),
          })
          .then((track) => usePlayer.getState().settle(job.id, playableTrack(track)));
      } else if (queued && job.status !== "succeeded") usePlayer.getState().forget(job.id);
    }
  }, [takes, queries]);

  const finished = takes?.filter((job) => job.status === "succeeded").length ?? 0;
  useEffect(() => {
    if (finished) void queries.invalidateQueries({ queryKey: keys.tracks });
  }, [finished, queries]);
  return null;
}
