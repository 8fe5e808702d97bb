"use client";

import Link from "next/link";
import { Flag, Trash2 } from "lucide-react";
import { lazy, Suspense, useRef, useState, type FormEvent } from "react";
import { useFormatter, useNow, useTranslations } from "use-intl";
import { toast } from "sonner";
import { Avatar } from "./avatar";
import { Button, IconButton } from "@/components/ui/button";
import { More } from "@/components/ui/more";
import { Failed, Skeleton } from "@/components/ui/states";
import type { Track } from "@/lib/api/client";
import { personHref, useCommenting, useComments, type Comment } from "@/lib/community";
import { clock } from "@/lib/format";
import { playableTrack } from "@/lib/music";
import { undoable } from "@/lib/undoable";
import { useProblemText } from "@/lib/use-problem-text";
import { usePlayer } from "@/stores/player";

const ReportDialog = lazy(() => import("./report-dialog"));

const LONGEST = 1000;

/** What people say of a track, each at its second; one may join in. */
export function Comments({ track, me }: { track: Track; me: string }) {
  const t = useTranslations("community");
  const comments = useComments(track.id);
  const { takeBack } = useCommenting(track.id);
  const [going, setGoing] = useState<ReadonlySet<string>>(new Set());
  const text = useProblemText();
  const remove = (comment: Comment) => {
    const forget = () =>
      setGoing((ids) => {
        const left = new Set(ids);
        left.delete(comment.id);
        return left;
      });
    setGoing((ids) => new Set(ids).add(comment.id));
    undoable(
      t("commentDeleted"),
      t("undo"),
      () =>
        takeBack.mutate(comment.id, {
          onError: (failure) => {
            forget();
            toast.error(text(failure));
          },
        }),
      forget,
    );
  };
  const shown = comments.items.filter((comment) => !going.has(comment.id));
  return (
    <section aria-labelledby="comments">
      <h2 id="comments" className="text-xl">
        {t("comments")}
      </h2>
      <Say track={track} />
      {comments.isPending ? (
        <Skeleton className="mt-4 h-24" />
      ) : comments.error && comments.items.length === 0 ? (
        <Failed failure={comments.error} retry={() => void comments.refetch()} />
      ) : shown.length === 0 ? (
        <p className="mt-5 text-muted">{t("noComments")}</p>
      ) : (
        <ul className="mt-5 flex flex-col">
          {shown.map((comment) => (
            <Said
              key={comment.id}
              comment={comment}
              track={track}
              mine={comment.author.username === me}
              onDelete={
                comment.author.username === me || track.owner.username === me ? () => remove(comment) : undefined
              }
            />
          ))}
        </ul>
      )}
      {comments.hasNextPage && (
        <More load={() => void comments.fetchNextPage()} loading={comments.isFetchingNextPage} />
      )}
    </section>
  );
}

function Say({ track }: { track: Track }) {
  const t = useTranslations("community");
  const problem = useProblemText();
  const { say } = useCommenting(track.id);
  const [text, setText] = useState("");
  const [pinned, setPinned] = useState(true);
  const field = useRef<HTMLTextAreaElement>(null);
  const isOn = usePlayer((player) => player.queue[player.index]?.id === track.id);
  const second = usePlayer((player) => (isOn ? Math.floor(player.time) : 0));
  const position = isOn && pinned ? Math.min(second, track.duration) : null;
  const send = (event: FormEvent) => {
    event.preventDefault();
    const body = text.trim();
    if (!body || say.isPending) return;
    const said = () => {
      setText("");
      field.current?.focus();
    };
    say.mutate({ body, position }, { onSuccess: said, onError: (failure) => toast.error(problem(failure)) });
  };
  return (
    <form onSubmit={send} className="mt-4 flex flex-col gap-2">
      <textarea
        ref={field}
        value={text}
        maxLength={LONGEST}
        rows={2}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.currentTarget.form?.requestSubmit();
        }}
        aria-label={t("sayLabel")}
        placeholder={t("sayPlaceholder")}
        className="w-full resize-y rounded-lg border border-line bg-ground px-3 py-2 text-ink transition hover:border-line-strong focus:border-line-strong"
      />
      <div className="flex items-center gap-3">
        {isOn && (
          <label className="tabular flex items-center gap-2 text-sm text-muted">
            <input
              type="checkbox"
              checked={pinned}
              onChange={(event) => setPinned(event.target.checked)}
              className="size-4 accent-[var(--coral)]"
            />
            {t("atSecond", { time: clock(second) })}
          </label>
        )}
        <Button type="submit" look="primary" size="small" className="ml-auto" disabled={!text.trim() || say.isPending}>
          {t("say")}
        </Button>
      </div>
    </form>
  );
}

function Said({
  comment,
  track,
  mine,
  onDelete,
}: {
  comment: Comment;
  track: Track;
  mine: boolean;
  onDelete?: () => void;
}) {
  const t = useTranslations("community");
  const report = useTranslations("report");
  const [reporting, setReporting] = useState(false);
  const format = useFormatter();
  const now = useNow();
  const { author, position } = comment;
  const listen = () => {
    const player = usePlayer.getState();
    if (player.current()?.id !== track.id) player.play([playableTrack(track)]);
    player.seek(position ?? 0);
  };
  return (
    <li className="group flex gap-3 border-t border-line py-3.5">
      <Avatar name={author.username} className="size-9 text-sm" />
      <div className="min-w-0 flex-1">
        <p className="flex flex-wrap items-center gap-x-2 text-sm">
          <Link
            prefetch={false}
            href={personHref(author.username)}
            className="font-semibold hover:underline touch:py-1"
          >
            {author.display_name || author.username}
          </Link>
          {position !== null && position !== undefined && (
            <button
              type="button"
              onClick={listen}
              aria-label={t("listenAt", { time: clock(position) })}
              className="tabular text-accent hover:underline touch:-my-2.5 touch:min-h-11 touch:min-w-11"
            >
              <span className="rounded bg-raised px-1.5 py-0.5">{clock(position)}</span>
            </button>
          )}
          <time dateTime={comment.created_at} className="text-faint">
            {format.relativeTime(new Date(comment.created_at), now)}
          </time>
        </p>
        <p className="mt-0.5 whitespace-pre-line break-words">{comment.body}</p>
      </div>
      <div className="flex shrink-0 gap-3 max-sm:flex-col max-sm:gap-0">
        {!mine && (
          <IconButton
            label={report("comment", { name: author.username })}
            size="small"
            aria-haspopup="dialog"
            onClick={() => setReporting(true)}
          >
            <Flag size={15} />
          </IconButton>
        )}
        {reporting && (
          <Suspense>
            <ReportDialog kind="comment" id={comment.id} name={author.username} onClose={() => setReporting(false)} />
          </Suspense>
        )}
        {onDelete && (
          <IconButton label={t("deleteComment", { name: author.username })} size="small" onClick={onDelete}>
            <Trash2 size={15} />
          </IconButton>
        )}
      </div>
    </li>
  );
}
