"use client";

import { useEffect, useMemo, useRef, useState } from "react";
import { useTranslations } from "use-intl";
import { Avatar } from "@/components/community/avatar";
import type { Track } from "@/lib/api/client";
import { passedAt, pinsAlong } from "@/lib/comment-pins";
import { usePins, type Comment } from "@/lib/community";
import { clock } from "@/lib/format";
import { playableTrack } from "@/lib/music";
import { usePlayer } from "@/stores/player";

const nameOf = ({ author }: Comment) => author.display_name || author.username;

/** What people say of its seconds, along a track's waveform: press to listen there, or read along while it plays. */
export function CommentPins({ track }: { track: Track }) {
  const t = useTranslations("community");
  const comments = usePins(track.id).data;
  const row = useRef<HTMLUListElement>(null);
  const [width, setWidth] = useState(0);
  const [touched, setTouched] = useState<Comment | null>(null);
  const second = usePlayer((player) =>
    player.playing && player.queue[player.index]?.id === track.id ? Math.floor(player.time) : -1,
  );
  const some = Boolean(comments?.length);
  useEffect(() => {
    const element = row.current;
    if (!element) return;
    const sizes = new ResizeObserver(() => setWidth(element.clientWidth));
    sizes.observe(element);
    return () => sizes.disconnect();
  }, [some]);
  const pins = useMemo(() => pinsAlong(comments ?? [], track.duration, width), [comments, track.duration, width]);
  if (!comments || !some) return null;
  const shown = touched ?? passedAt(comments, second);
  const listen = (seconds: number) => {
    const player = usePlayer.getState();
    if (player.current()?.id !== track.id) player.play([playableTrack(track)]);
    player.seek(seconds);
  };
  return (
    <div className="mt-2">
      <ul ref={row} aria-label={t("pins")} className="relative h-7">
        {pins.map(({ at, comments: here }) => {
          const [first] = here;
          const time = clock(first!.position ?? 0);
          const leave = () => setTouched(null);
          return (
            <li key={first!.id} className="absolute -translate-x-1/2" style={{ left: `${at * 100}%` }}>
              <button
                type="button"
                data-pin
                aria-label={
                  here.length > 1
                    ? t("pinMany", { count: here.length, time })
                    : t("pin", { name: nameOf(first!), time, text: first!.body })
                }
                onClick={() => listen(first!.position ?? 0)}
                onPointerEnter={() => setTouched(first!)}
                onPointerLeave={leave}
                onFocus={() => setTouched(first!)}
                onBlur={leave}
                className={`grid size-7 place-items-center rounded-full transition hover:scale-110 ${here.includes(shown!) ? "outline-2 outline-coral" : ""}`}
              >
                <Avatar name={first!.author.username} className="size-6 text-[11px]" />
              </button>
            </li>
          );
        })}
      </ul>
      <p aria-hidden className="mt-1 h-6 truncate text-sm text-muted">
        {shown && (
          <>
            <span className="tabular mr-2 text-accent">{clock(shown.position ?? 0)}</span>
            <span className="mr-2 font-semibold text-ink">{nameOf(shown)}</span>
            {shown.body}
          </>
        )}
      </p>
    </div>
  );
}
