"use client";

import Link from "next/link";
import { CornerDownRight } from "lucide-react";
import { useTranslations } from "use-intl";
import { CoverButton } from "@/components/ui/cover-button";
import type { Track } from "@/lib/api/client";
import { coverUrl } from "@/lib/cover-url";
import { clock } from "@/lib/format";
import { lineage, type Branch } from "@/lib/lineage";
import { playableTrack, trackHref, useVersions } from "@/lib/music";
import { usePlayer } from "@/stores/player";

/** Where a track comes from and what became of it, as a tree; nothing while it stands alone. */
export function Versions({ track, me }: { track: Track; me: string }) {
  const t = useTranslations("versions");
  const versions = useVersions(track.id);
  // The tree is an extra: a track that stands alone, or whose tree cannot be had right now, is shown without one.
  if (!versions.data || versions.data.length < 2) return null;
  return (
    <section aria-labelledby="versions">
      <h2 id="versions" className="text-xl">
        {t("title")}
      </h2>
      <p className="mt-1 text-muted">{t("lead")}</p>
      <div className="mt-3">
        <VersionTree versions={versions.data} here={track.id} me={me} />
      </div>
    </section>
  );
}

/** Tracks that come from each other; the one that one looks at stands out. */
export function VersionTree({ versions, here, me }: { versions: readonly Track[]; here: string; me: string }) {
  return <Level branches={lineage(versions)} here={here} me={me} />;
}

function Level({
  branches,
  here,
  me,
  depth = 0,
}: {
  branches: Branch<Track>[];
  here: string;
  me: string;
  depth?: number;
}) {
  return (
    <ul className={depth > 0 ? `border-l border-line ${depth < 5 ? "ml-4 pl-3 sm:ml-6" : ""}` : ""}>
      {branches.map(({ track, branches: further }) => (
        <li key={track.id}>
          <Version track={track} isHere={track.id === here} me={me} child={depth > 0} />
          {further.length > 0 && <Level branches={further} here={here} me={me} depth={depth + 1} />}
        </li>
      ))}
    </ul>
  );
}

function Version({ track, isHere, me, child }: { track: Track; isHere: boolean; me: string; child: boolean }) {
  const t = useTranslations("versions");
  const library = useTranslations("library");
  const isOn = usePlayer((player) => player.queue[player.index]?.id === track.id);
  const playing = usePlayer((player) => player.playing) && isOn;
  const facts = [
    track.relation && t(`kinds.${track.relation}`),
    clock(track.duration),
    track.owner.username !== me && t("by", { name: track.owner.username }),
  ];
  return (
    <div
      aria-current={isHere ? "true" : undefined}
      className={`group flex items-center gap-3 rounded-lg px-2 py-1.5 ${isHere ? "bg-raised" : "hover:bg-surface"}`}
    >
      {child && <CornerDownRight size={15} aria-hidden className="shrink-0 text-faint" />}
      <CoverButton
        seed={track.id}
        src={coverUrl(track)}
        label={library(playing ? "pause" : "play", { title: track.title })}
        isOn={isOn}
        playing={playing}
        onPress={() => usePlayer.getState().toggle(isOn ? undefined : playableTrack(track))}
        className="size-10"
      />
      <div className="min-w-0 flex-1">
        {isHere ? (
          <p className="truncate font-semibold">{track.title}</p>
        ) : (
          <Link prefetch={false} href={trackHref(track.id)} className="block truncate font-semibold hover:underline">
            {track.title}
          </Link>
        )}
        <p className="tabular truncate text-sm text-muted">{facts.filter(Boolean).join(" · ")}</p>
      </div>
      {isHere && <span className="shrink-0 text-sm text-muted">{t("here")}</span>}
    </div>
  );
}
