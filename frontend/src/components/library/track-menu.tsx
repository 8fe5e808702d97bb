"use client";

import Link from "next/link";
import {
  Download,
  Ellipsis,
  FileMusic,
  Flag,
  FolderInput,
  GitBranch,
  ListMusic,
  ListPlus,
  ListStart,
  Share2,
  Shuffle,
  SlidersVertical,
  StepForward,
  Trash2,
} from "lucide-react";
import { useRouter } from "next/navigation";
import { lazy, Suspense, useState } from "react";
import { useTranslations } from "use-intl";
import { Pop, menuItemClass } from "@/components/ui/pop";
import { toast } from "sonner";
import type { Track } from "@/lib/api/client";
import { audioUrl, midiUrl, playableTrack, useRemix } from "@/lib/music";
import { useProblemText } from "@/lib/use-problem-text";
import { continueFrom } from "@/stores/draft";
import { usePlayer } from "@/stores/player";

const AddToPlaylist = lazy(() => import("@/components/community/add-to-playlist"));
const MoveDialog = lazy(() => import("./move-dialog"));
const ReportDialog = lazy(() => import("@/components/community/report-dialog"));
const ShareDialog = lazy(() => import("@/components/track/share-dialog"));
const VersionsDialog = lazy(() => import("@/components/track/versions-dialog"));

/** The model whose songs can be remixed: it knows their form and harmony. */
const COMPOSER = "composer";

/** What one can do with a track from anywhere; only its owner may delete it and open its stems. */
export function TrackMenu({ track, onDelete }: { track: Track; onDelete?: () => void }) {
  const t = useTranslations("library");
  const share = useTranslations("share");
  const report = useTranslations("report");
  const versions = useTranslations("versions");
  const router = useRouter();
  const text = useProblemText();
  const [opened, setOpened] = useState<"playlist" | "project" | "share" | "versions" | "report" | null>(null);
  const close = () => setOpened(null);
  const remix = useRemix();
  const makeRemix = () =>
    remix.mutate(track.id, {
      onSuccess: () =>
        toast(t("remixing", { title: track.title }), {
          action: { label: t("see"), onClick: () => router.push("/create/") },
        }),
      onError: (failure) => toast.error(text(failure)),
    });
  const enqueue = usePlayer((player) => player.enqueue);
  return (
    <>
      <Pop
        label={t("menu", { title: track.title })}
        align="end"
        trigger={<Ellipsis size={18} />}
        triggerClass="grid size-10 touch:size-11 shrink-0 place-items-center rounded-full text-muted transition hover:bg-raised hover:text-ink"
        className="w-56 p-1.5"
      >
        <button type="button" data-close className={menuItemClass} onClick={() => enqueue(playableTrack(track), true)}>
          <ListStart size={16} aria-hidden />
          {t("playNext")}
        </button>
        <button type="button" data-close className={menuItemClass} onClick={() => enqueue(playableTrack(track))}>
          <ListPlus size={16} aria-hidden />
          {t("enqueue")}
        </button>
        <button type="button" data-close className={menuItemClass} onClick={() => setOpened("playlist")}>
          <ListMusic size={16} aria-hidden />
          {t("addToPlaylist")}
        </button>
        {onDelete && (
          <>
            <button type="button" data-close className={menuItemClass} onClick={() => setOpened("project")}>
              <FolderInput size={16} aria-hidden />
              {t("moveTo")}
            </button>
            <button type="button" data-close className={menuItemClass} onClick={() => setOpened("share")}>
              <Share2 size={16} aria-hidden />
              {share("open")}
            </button>
          </>
        )}
        <button type="button" data-close className={menuItemClass} onClick={() => setOpened("versions")}>
          <GitBranch size={16} aria-hidden />
          {versions("title")}
        </button>
        {onDelete && track.stems.length > 0 && (
          <Link prefetch={false} href={`/studio/?track=${track.id}`} className={menuItemClass}>
            <SlidersVertical size={16} aria-hidden />
            {t("openStems")}
          </Link>
        )}
        <Link prefetch={false} href="/create/" className={menuItemClass} onClick={() => continueFrom(track)}>
          <StepForward size={16} aria-hidden />
          {t("goOn")}
        </Link>
        {track.model === COMPOSER && (
          <button type="button" data-close className={menuItemClass} disabled={remix.isPending} onClick={makeRemix}>
            <Shuffle size={16} aria-hidden />
            {t("remix")}
          </button>
        )}
        <a href={audioUrl(track.id, "wav", true)} download className={menuItemClass}>
          <Download size={16} aria-hidden />
          {t("downloadAs", { format: "WAV" })}
        </a>
        <a href={audioUrl(track.id, "mp3", true)} download className={menuItemClass}>
          <Download size={16} aria-hidden />
          {t("downloadAs", { format: "MP3" })}
        </a>
        {track.has_midi && (
          <a href={midiUrl(track.id)} download className={menuItemClass}>
            <FileMusic size={16} aria-hidden />
            {t("downloadAs", { format: "MIDI" })}
          </a>
        )}
        {onDelete ? (
          <button type="button" data-close className={`${menuItemClass} text-bad`} onClick={onDelete}>
            <Trash2 size={16} aria-hidden />
            {t("delete")}
          </button>
        ) : (
          <button type="button" data-close className={`${menuItemClass} text-bad`} onClick={() => setOpened("report")}>
            <Flag size={16} aria-hidden />
            {report("action")}
          </button>
        )}
      </Pop>
      {opened && (
        <Suspense>
          {opened === "playlist" ? (
            <AddToPlaylist track={track} onClose={close} />
          ) : opened === "project" ? (
            <MoveDialog tracks={[track]} onClose={close} />
          ) : opened === "share" ? (
            <ShareDialog track={track} onClose={close} />
          ) : opened === "versions" ? (
            <VersionsDialog track={track} onClose={close} />
          ) : (
            <ReportDialog kind="track" id={track.id} name={track.title} onClose={close} />
          )}
        </Suspense>
      )}
    </>
  );
}
