"use client";

import Link from "next/link";
import {
  Download,
  Ellipsis,
  FileMusic,
  ListMusic,
  ListPlus,
  ListStart,
  SlidersVertical,
  StepForward,
  Trash2,
} from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { useTranslations } from "use-intl";
import { Pop, menuItemClass } from "@/components/ui/pop";
import type { Track } from "@/lib/api/client";
import { audioUrl, midiUrl, playableTrack } from "@/lib/music";
import { continueFrom } from "@/stores/draft";
import { usePlayer } from "@/stores/player";

const AddToPlaylist = lazy(() => import("@/components/community/add-to-playlist"));

/** What one can do with a track from anywhere; only its owner may delete it and open its stems. */
export function TrackMenu({ track, onDelete }: { track: Track; onDelete?: () => void }) {
  const t = useTranslations("library");
  const [adding, setAdding] = useState(false);
  const enqueue = usePlayer((player) => player.enqueue);
  return (
    <>
      <Pop
        label={t("menu", { title: track.title })}
        align="end"
        trigger={<Ellipsis size={18} />}
        triggerClass="grid size-10 shrink-0 place-items-center rounded-full text-muted transition hover:bg-raised hover:text-ink"
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
        <button type="button" data-close className={menuItemClass} onClick={() => setAdding(true)}>
          <ListMusic size={16} aria-hidden />
          {t("addToPlaylist")}
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
        {onDelete && (
          <button type="button" data-close className={`${menuItemClass} text-bad`} onClick={onDelete}>
            <Trash2 size={16} aria-hidden />
            {t("delete")}
          </button>
        )}
      </Pop>
      {adding && (
        <Suspense>
          <AddToPlaylist track={track} onClose={() => setAdding(false)} />
        </Suspense>
      )}
    </>
  );
}
