"use client";

import { Heart } from "lucide-react";
import { useFormatter, useTranslations } from "use-intl";
import { toast } from "sonner";
import type { Track } from "@/lib/api/client";
import { useLike } from "@/lib/community";
import { useProblemText } from "@/lib/use-problem-text";

/** A heart with the number of those who gave theirs. */
export function LikeButton({ track, className = "" }: { track: Track; className?: string }) {
  const t = useTranslations("community");
  const format = useFormatter();
  const text = useProblemText();
  const like = useLike();
  const likes = track.likes ?? 0;
  const shown = format.number(likes, { notation: "compact" });
  return (
    <button
      type="button"
      aria-pressed={track.liked}
      aria-label={`${t("like", { title: track.title })} · ${shown}`}
      title={t("likes", { count: likes })}
      onClick={() =>
        like.mutate({ id: track.id, liked: !track.liked, likes }, { onError: (failure) => toast.error(text(failure)) })
      }
      className={`tabular inline-flex h-8 touch:h-11 touch:min-w-11 justify-center items-center gap-1.5 rounded-full px-2 text-sm transition hover:bg-raised hover:text-ink ${
        track.liked ? "text-accent" : "text-muted"
      } ${className}`}
    >
      <Heart size={16} aria-hidden fill={track.liked ? "currentColor" : "none"} />
      {shown}
    </button>
  );
}
