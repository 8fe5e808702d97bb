"use client";

import Link from "next/link";
import { useRouter } from "next/navigation";
import { ArrowDown, ArrowUp, Globe, ListMusic, Lock, Pencil, Play, Trash2, Users, X } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { useTranslations } from "use-intl";
import { toast } from "sonner";
import { EditPlaylist } from "./edit-playlist";
import { LikeButton } from "./like-button";
import { MembersOnly } from "@/components/frame/members-only";
import { Button, ButtonLink, IconButton } from "@/components/ui/button";
import { Confirm } from "@/components/ui/confirm";
import { CoverButton } from "@/components/ui/cover-button";
import { More } from "@/components/ui/more";
import { Empty, Failed, Skeleton } from "@/components/ui/states";
import { TrackCover } from "@/components/ui/track-cover";
import type { Track } from "@/lib/api/client";
import { ProblemError } from "@/lib/api/problem";
import {
  personHref,
  usePlaylist,
  usePlaylistChanges,
  usePlaylistTracks,
  type Playlist,
  type PlaylistTrack,
} from "@/lib/community";
import { coverUrl } from "@/lib/cover-url";
import { clock } from "@/lib/format";
import { playableTrack, trackHref } from "@/lib/music";
import { useQueryValue } from "@/lib/query-value";
import { useProblemText } from "@/lib/use-problem-text";
import { usePlayer } from "@/stores/player";

const MembersDialog = lazy(() => import("./members-dialog"));

/** One playlist: `/playlist/?id=…`. */
export function PlaylistPage() {
  const id = useQueryValue("id");
  return <MembersOnly>{(user) => <Loaded id={id} me={user.username} />}</MembersOnly>;
}

function Loaded({ id, me }: { id: string | undefined; me: string }) {
  const t = useTranslations("community");
  const playlist = usePlaylist(id);
  const { error } = playlist;
  if (!id || (error instanceof ProblemError && (error.status === 404 || error.status === 422)))
    return (
      <Empty title={t("missingList")} action={<ButtonLink href="/playlists/">{t("toPlaylists")}</ButtonLink>}>
        {t("missingListText")}
      </Empty>
    );
  if (error && !playlist.data) return <Failed alone failure={error} retry={() => void playlist.refetch()} />;
  if (!playlist.data) return <Skeleton className="mx-auto mt-16 h-64 w-[calc(100%-2rem)] max-w-[860px]" />;
  return <List playlist={playlist.data} me={me} />;
}

function List({ playlist, me }: { playlist: Playlist; me: string }) {
  const t = useTranslations("community");
  const text = useProblemText();
  const router = useRouter();
  const tracks = usePlaylistTracks(playlist.id);
  const { change, remove } = usePlaylistChanges();
  const members = useTranslations("members");
  const [asking, setAsking] = useState<"edit" | "delete" | null>(null);
  const [showsMembers, setMembers] = useState(false);
  const owner = playlist.role === "owner";
  const complain = { onError: (failure: Error) => void toast.error(text(failure)) };
  const play = (at: number) =>
    usePlayer.getState().play(
      tracks.items.map(({ track }) => playableTrack(track)),
      at,
    );
  return (
    <article className="mx-auto w-full max-w-[860px] px-4 pb-20 pt-8 md:px-6 md:pt-12">
      <div className="grid gap-5 sm:grid-cols-[160px_1fr] sm:gap-8">
        <Mosaic tracks={tracks.items.map(({ track }) => track)} />
        <div className="flex min-w-0 flex-col justify-end">
          <h1 className="break-words text-4xl tracking-[-0.035em]">{playlist.title}</h1>
          <p className="mt-2 text-muted">
            <Link
              prefetch={false}
              href={personHref(playlist.owner.username)}
              className="hover:text-ink hover:underline"
            >
              {playlist.owner.username}
            </Link>
            {" · "}
            {t("songCount", { count: playlist.track_count })}
          </p>
          {playlist.description && (
            <p className="mt-3 max-w-[64ch] whitespace-pre-line break-words">{playlist.description}</p>
          )}
        </div>
      </div>
      {playlist.role === "invited" && <Invitation playlist={playlist} />}
      <div className="mt-6 flex flex-wrap items-center gap-2">
        <Button look="primary" size="large" disabled={tracks.items.length === 0} onClick={() => play(0)}>
          <Play size={18} fill="currentColor" aria-hidden />
          {t("playAll")}
        </Button>
        {(owner || playlist.role === "member") && (
          <Button size="large" onClick={() => setMembers(true)}>
            <Users size={17} aria-hidden />
            {members(owner ? "open" : "openAsMember")}
          </Button>
        )}
        {owner && (
          <>
            <Button
              size="large"
              aria-pressed={playlist.public}
              onClick={() => change.mutate({ id: playlist.id, change: { public: !playlist.public } }, complain)}
            >
              {playlist.public ? <Globe size={17} aria-hidden /> : <Lock size={17} aria-hidden />}
              {t(playlist.public ? "public" : "private")}
            </Button>
            <IconButton label={t("editPlaylist")} size="large" aria-haspopup="dialog" onClick={() => setAsking("edit")}>
              <Pencil size={17} />
            </IconButton>
            <IconButton
              label={t("deletePlaylist")}
              size="large"
              aria-haspopup="dialog"
              onClick={() => setAsking("delete")}
            >
              <Trash2 size={18} />
            </IconButton>
          </>
        )}
      </div>
      <div className="mt-8">
        {tracks.isPending ? (
          <Skeleton className="h-40" />
        ) : tracks.error && tracks.items.length === 0 ? (
          <Failed failure={tracks.error} retry={() => void tracks.refetch()} />
        ) : tracks.items.length === 0 ? (
          <Empty title={t("emptyListTitle")}>{t("emptyListText")}</Empty>
        ) : (
          <ol>
            {tracks.items.map((placed, at) => (
              <Line
                key={placed.track.id}
                placed={placed}
                last={at === tracks.items.length - 1}
                playlist={playlist}
                me={me}
                onPlay={() => play(at)}
              />
            ))}
          </ol>
        )}
        {tracks.hasNextPage && <More load={() => void tracks.fetchNextPage()} loading={tracks.isFetchingNextPage} />}
      </div>
      <Suspense>
        {showsMembers && <MembersDialog playlist={playlist} me={me} onClose={() => setMembers(false)} />}
      </Suspense>
      {asking === "edit" && <EditPlaylist playlist={playlist} onClose={() => setAsking(null)} />}
      {asking === "delete" && (
        <Confirm
          title={t("deletePlaylist")}
          text={t("deletePlaylistText", { title: playlist.title })}
          action={t("deletePlaylist")}
          keep={t("keep")}
          busy={remove.isPending}
          onAction={() => remove.mutate(playlist.id, { ...complain, onSuccess: () => router.push("/playlists/") })}
          onClose={() => setAsking(null)}
        />
      )}
    </article>
  );
}

/** What the first songs look like: four of them, or the first alone. */
function Mosaic({ tracks }: { tracks: Track[] }) {
  const shown = tracks.slice(0, tracks.length < 4 ? 1 : 4);
  return (
    <div
      aria-hidden
      className={`grid aspect-square w-full max-w-40 self-start overflow-hidden rounded-lg bg-raised text-faint shadow-float max-sm:max-w-28 ${shown.length === 4 ? "grid-cols-2" : ""}`}
    >
      {shown.length === 0 && <ListMusic size={40} className="place-self-center" />}
      {shown.map((track) => (
        <TrackCover
          key={track.id}
          seed={track.id}
          src={coverUrl(track)}
          sizes={shown.length === 4 ? "80px" : "160px"}
          className="aspect-square w-full rounded-none!"
        />
      ))}
    </div>
  );
}

/** Who was invited decides here. */
function Invitation({ playlist }: { playlist: Playlist }) {
  const t = useTranslations("community");
  const router = useRouter();
  const text = useProblemText();
  const { answerInvitation } = usePlaylistChanges();
  const say = (yes: boolean) =>
    answerInvitation.mutate(
      { id: playlist.id, yes },
      {
        onError: (failure: Error) => void toast.error(text(failure)),
        onSuccess: () => {
          if (yes) toast.success(t("joined", { title: playlist.title }));
          else router.push("/playlists/");
        },
      },
    );
  return (
    <section className="mt-6 flex flex-wrap items-center gap-3 rounded-lg bg-surface px-4 py-3">
      <p className="min-w-0 flex-1 basis-64">{t("invited", { name: playlist.owner.username })}</p>
      <Button disabled={answerInvitation.isPending} onClick={() => say(false)}>
        {t("decline")}
      </Button>
      <Button look="primary" disabled={answerInvitation.isPending} onClick={() => say(true)}>
        {t("accept")}
      </Button>
    </section>
  );
}

function Line({
  placed: { track, position, added_by },
  last,
  playlist,
  me,
  onPlay,
}: {
  placed: PlaylistTrack;
  last: boolean;
  playlist: Playlist;
  me: string;
  onPlay: () => void;
}) {
  const t = useTranslations("community");
  const text = useProblemText();
  const { put, takeOut } = usePlaylistChanges();
  const isOn = usePlayer((player) => player.queue[player.index]?.id === track.id);
  const playing = usePlayer((player) => player.playing) && isOn;
  const mayChange = playlist.role === "owner" || (playlist.role === "member" && added_by?.username === me);
  const complain = { onError: (failure: Error) => void toast.error(text(failure)) };
  const move = (to: number) => put.mutate({ playlist: playlist.id, track: track.id, position: to }, complain);
  return (
    <li className="group flex items-center gap-3 rounded-lg px-2 py-2 transition hover:bg-surface max-sm:flex-wrap max-sm:gap-y-0">
      <CoverButton
        seed={track.id}
        src={coverUrl(track)}
        label={t(playing ? "pause" : "play", { title: track.title })}
        isOn={isOn}
        playing={playing}
        onPress={() => (isOn ? usePlayer.getState().toggle() : onPlay())}
        className="size-12"
      />
      <div className="min-w-0 flex-1">
        <Link
          prefetch={false}
          href={trackHref(track.id)}
          className={`line-clamp-2 font-semibold leading-snug hover:underline touch:min-h-6 sm:line-clamp-1 ${isOn ? "text-accent" : ""}`}
        >
          {track.title}
        </Link>
        <p className="truncate text-sm text-muted">{track.owner.username}</p>
      </div>
      <LikeButton track={track} />
      <p className="tabular w-12 text-right text-sm text-muted max-sm:hidden">{clock(track.duration)}</p>
      {mayChange && (
        <div className="flex max-sm:order-last max-sm:basis-full max-sm:justify-end">
          <IconButton
            label={t("moveUp", { title: track.title })}
            size="small"
            unavailable={position === 0 || put.isPending}
            onClick={() => move(position - 1)}
          >
            <ArrowUp size={16} />
          </IconButton>
          <IconButton
            label={t("moveDown", { title: track.title })}
            size="small"
            unavailable={last || put.isPending}
            onClick={() => move(position + 1)}
          >
            <ArrowDown size={16} />
          </IconButton>
        </div>
      )}
      {mayChange && (
        <IconButton
          label={t("takeOut", { title: track.title })}
          size="small"
          disabled={takeOut.isPending}
          onClick={() => takeOut.mutate({ playlist: playlist.id, track: track.id }, complain)}
        >
          <X size={16} />
        </IconButton>
      )}
    </li>
  );
}
