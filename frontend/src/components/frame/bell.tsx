"use client";

import Link from "next/link";
import { Bell as BellSign } from "lucide-react";
import { useFormatter, useNow, useTranslations } from "use-intl";
import { Avatar } from "@/components/community/avatar";
import { Button } from "@/components/ui/button";
import { Pop } from "@/components/ui/pop";
import { Skeleton } from "@/components/ui/states";
import { personHref, playlistHref, useMarkRead, useNotifications, useUnread, type Notification } from "@/lib/community";
import { trackHref } from "@/lib/music";
import { useQuoted } from "@/lib/use-quoted";

const MANY = 99;

/** What others did with one's music; a number while there is something new. */
export function Bell() {
  const t = useTranslations("notifications");
  const unread = useUnread(true).data ?? 0;
  return (
    <Pop
      label={unread ? t("bellNew", { count: unread }) : t("bell")}
      align="end"
      trigger={
        <>
          <BellSign size={19} aria-hidden />
          {unread > 0 && (
            <span
              aria-hidden
              className="tabular absolute right-0 top-0 grid h-[18px] min-w-[18px] place-items-center rounded-full bg-coral px-1 text-[11px] font-bold text-on-accent"
            >
              {unread > MANY ? `${MANY}+` : unread}
            </span>
          )}
        </>
      }
      triggerClass="relative grid size-10 touch:size-11 place-items-center rounded-full text-muted transition hover:bg-raised hover:text-ink"
      className="max-h-[70dvh] w-[min(92vw,380px)] p-1.5"
    >
      <News unread={unread} />
    </Pop>
  );
}

function News({ unread }: { unread: number }) {
  const t = useTranslations("notifications");
  const news = useNotifications(true);
  const read = useMarkRead();
  return (
    <>
      <div className="flex items-center justify-between px-3 py-1.5">
        <h2 className="font-semibold">{t("title")}</h2>
        {unread > 0 && (
          <button
            type="button"
            onClick={() => read.mutate()}
            className="text-sm text-accent underline-offset-4 hover:underline"
          >
            {t("markRead")}
          </button>
        )}
      </div>
      {news.isPending ? (
        <Skeleton className="m-2 h-24" />
      ) : news.error && news.items.length === 0 ? (
        <p role="alert" className="px-3 pb-4 pt-2 text-muted">
          {t("failed")}
        </p>
      ) : news.items.length === 0 ? (
        <p className="px-3 pb-4 pt-2 text-muted">{t("none")}</p>
      ) : (
        <ul>
          {news.items.map((notification) => (
            <Line key={notification.id} notification={notification} />
          ))}
        </ul>
      )}
      {news.hasNextPage && (
        <Button
          look="plain"
          size="small"
          className="w-full"
          disabled={news.isFetchingNextPage}
          onClick={() => void news.fetchNextPage()}
        >
          {t("older")}
        </Button>
      )}
    </>
  );
}

function Line({ notification }: { notification: Notification }) {
  const t = useTranslations("notifications");
  const quoted = useQuoted();
  const format = useFormatter();
  const now = useNow();
  const { actor, track, comment, playlist, kind } = notification;
  const name = actor.display_name || actor.username;
  const words =
    kind === "like" && track
      ? t("like", { name, title: track.title })
      : kind === "comment" && track
        ? t("comment", { name, title: track.title })
        : kind === "follow"
          ? t("follow", { name })
          : kind === "invitation" && playlist
            ? t("invitation", { name, title: playlist.title })
            : t("other", { name });
  return (
    <li>
      <Link
        prefetch={false}
        href={track ? trackHref(track.id) : playlist ? playlistHref(playlist.id) : personHref(actor.username)}
        className={`flex gap-3 rounded-md px-3 py-2.5 hover:bg-raised ${notification.read_at ? "" : "bg-raised/60"}`}
      >
        <Avatar name={actor.username} className="size-9 text-sm" />
        <span className="min-w-0 flex-1 text-[15px]">
          <span className={notification.read_at ? "" : "font-semibold"}>{words}</span>
          {comment && <span className="line-clamp-2 text-sm text-muted">{quoted(comment.excerpt)}</span>}
          <span className="block text-[13px] text-faint">
            {format.relativeTime(new Date(notification.created_at), now)}
          </span>
        </span>
      </Link>
    </li>
  );
}
