"use client";

import Link from "next/link";
import { useMemo } from "react";
import { useTranslations } from "use-intl";
import { Editor } from "./editor";
import { MembersOnly } from "@/components/frame/members-only";
import { ButtonLink } from "@/components/ui/button";
import { More } from "@/components/ui/more";
import { Empty, Failed, Skeleton } from "@/components/ui/states";
import { TrackCover } from "@/components/ui/track-cover";
import { ProblemError } from "@/lib/api/problem";
import { coverUrl } from "@/lib/cover-url";
import { freshArrangement, partsArrangement } from "@/lib/audio/edits";
import { clock, tempo } from "@/lib/format";
import { useTrack, useTracks, useTracksOf } from "@/lib/music";
import { partName, readParts } from "@/lib/parts";
import { useQueryValue } from "@/lib/query-value";

/** The studio: with a track in the address it opens it, or the parts of it that are named; without it asks which. */
export function StudioPage() {
  const id = useQueryValue("track");
  const parts = useQueryValue("parts");
  return <MembersOnly>{() => (id ? <Opened key={`${id} ${parts}`} id={id} parts={parts} /> : <Choose />)}</MembersOnly>;
}

function Opened({ id, parts }: { id: string; parts: string | undefined }) {
  const t = useTranslations("studio");
  const track = useTrack(id);
  const ids = useMemo(() => readParts(parts), [parts]);
  const found = useTracksOf(ids);
  const fresh = useMemo(() => {
    if (!track.data) return null;
    if (!ids.length) return freshArrangement(track.data);
    if (!found.data) return null;
    return partsArrangement(
      track.data.title,
      found.data.map((part) => ({ ...part, name: partName(part) })),
    );
  }, [track.data, found.data, ids]);
  const error = track.error ?? found.error;
  if (error instanceof ProblemError && error.status === 404)
    return (
      <Empty title={t("missingTitle")} action={<ButtonLink href="/studio/">{t("chooseTitle")}</ButtonLink>}>
        {t("missingText")}
      </Empty>
    );
  if (error)
    return (
      <Failed
        alone
        failure={error}
        retry={() => {
          if (track.error) void track.refetch();
          if (found.error) void found.refetch();
        }}
      />
    );
  if (!track.data || !fresh) return <Skeleton className="m-6 h-96" />;
  return <Editor track={track.data} projectId={[id, ...ids].join("+")} fresh={fresh} />;
}

function Choose() {
  const t = useTranslations("studio");
  const tracks = useTracks();
  const items = tracks.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <div className="mx-auto w-full max-w-[1040px] px-4 pb-16 pt-8 md:px-6 md:pt-14">
      <h1 className="text-4xl tracking-[-0.035em]">{t("chooseTitle")}</h1>
      <p className="mt-2 text-muted">{t("chooseText")}</p>
      {tracks.error && !tracks.data ? (
        <Failed failure={tracks.error} retry={() => void tracks.refetch()} />
      ) : tracks.isPending ? (
        <div aria-busy className="mt-8 grid grid-cols-1 gap-3 sm:grid-cols-2">
          {Array.from({ length: 6 }, (_, at) => (
            <Skeleton key={at} className="h-20" />
          ))}
        </div>
      ) : items.length === 0 ? (
        <Empty
          title={t("nothingTitle")}
          action={
            <ButtonLink look="primary" href="/create/">
              {t("nothingAction")}
            </ButtonLink>
          }
        >
          {t("nothingText")}
        </Empty>
      ) : (
        <ul className="mt-8 grid grid-cols-1 gap-3 sm:grid-cols-2">
          {items.map((track) => (
            <li key={track.id}>
              <Link
                prefetch={false}
                href={`/studio/?track=${track.id}`}
                className="panel flex h-full items-center gap-4 p-3 transition hover:border-line-strong"
              >
                <TrackCover seed={track.id} src={coverUrl(track)} sizes="56px" className="size-14 shrink-0" />
                <span className="min-w-0">
                  <span className="line-clamp-2 break-words font-semibold leading-snug">{track.title}</span>
                  <span className="tabular block text-sm text-muted">
                    {[
                      clock(track.duration),
                      track.bpm && `${tempo(track.bpm)} bpm`,
                      t("stemCount", { count: track.stems.length }),
                    ]
                      .filter(Boolean)
                      .join(" · ")}
                  </span>
                </span>
              </Link>
            </li>
          ))}
        </ul>
      )}
      {tracks.hasNextPage && <More load={() => void tracks.fetchNextPage()} loading={tracks.isFetchingNextPage} />}
    </div>
  );
}
