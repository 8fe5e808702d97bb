"use client";

import { FolderInput, Globe, Lock, Tag, Trash2, X } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { useTranslations } from "use-intl";
import { NameDialog } from "./name-dialog";
import { Button, IconButton } from "@/components/ui/button";
import type { Track } from "@/lib/api/client";
import { useChangeTracks, useDeleteTracks } from "@/lib/change-tracks";
import { readTags } from "@/lib/library";

const MoveDialog = lazy(() => import("./move-dialog"));

/** What can be done with all chosen tracks at once. */
export function BulkBar({
  tracks,
  onAll,
  onDone,
}: {
  tracks: Track[];
  /** Choose everything that is shown; undefined when everything is. */
  onAll?: () => void;
  onDone: () => void;
}) {
  const t = useTranslations("library");
  const change = useChangeTracks();
  const remove = useDeleteTracks();
  const [asking, setAsking] = useState<"move" | "tag" | null>(null);
  const publish = (open: boolean) => {
    const others = tracks.filter((track) => track.public !== open);
    if (others.length)
      void change(
        others,
        { public: open },
        () => ({ public: !open }),
        (count) => t(open ? "published" : "withdrawn", { count }),
      );
    onDone();
  };
  const tag = (words: string) => {
    const tags = readTags(words);
    setAsking(null);
    const lacking = tracks.filter((track) => tags.some((name) => !track.tags.includes(name)));
    if (lacking.length)
      void change(
        lacking,
        { add_tags: tags },
        (track) => ({ remove_tags: tags.filter((name) => !track.tags.includes(name)) }),
        (count) => t("tagged", { count }),
      );
    onDone();
  };
  return (
    <div
      role="group"
      aria-label={t("marked", { count: tracks.length })}
      className="appear panel shadow-float sticky top-18 z-20 mt-4 flex flex-wrap items-center gap-2 bg-raised px-4 py-2"
    >
      <span role="status" className="mr-auto font-semibold">
        {t("marked", { count: tracks.length })}
      </span>
      {onAll && (
        <Button look="plain" size="small" onClick={onAll}>
          {t("chooseAll")}
        </Button>
      )}
      {tracks.length > 0 && (
        <div className="flex flex-wrap gap-2 max-sm:order-last max-sm:basis-full">
          <Button size="small" aria-haspopup="dialog" onClick={() => setAsking("move")}>
            <FolderInput size={15} aria-hidden className="max-sm:hidden" />
            {t("move")}
          </Button>
          <Button size="small" aria-haspopup="dialog" onClick={() => setAsking("tag")}>
            <Tag size={15} aria-hidden className="max-sm:hidden" />
            {t("tag")}
          </Button>
          {tracks.some((track) => !track.public) ? (
            <Button size="small" onClick={() => publish(true)}>
              <Globe size={15} aria-hidden className="max-sm:hidden" />
              {t("publish")}
            </Button>
          ) : (
            <Button size="small" onClick={() => publish(false)}>
              <Lock size={15} aria-hidden className="max-sm:hidden" />
              {t("withdraw")}
            </Button>
          )}
          <Button
            look="danger"
            size="small"
            onClick={() => {
              remove(tracks);
              onDone();
            }}
          >
            <Trash2 size={15} aria-hidden className="max-sm:hidden" />
            {t("delete")}
          </Button>
        </div>
      )}
      <IconButton label={t("unmark")} size="small" onClick={onDone}>
        <X size={16} />
      </IconButton>
      {asking === "move" && (
        <Suspense>
          <MoveDialog tracks={tracks} onClose={() => setAsking(null)} onDone={onDone} />
        </Suspense>
      )}
      {asking === "tag" && (
        <NameDialog
          title={t("tagTitle", { count: tracks.length })}
          label={t("tagLabel")}
          action={t("tagGo")}
          cancel={t("cancel")}
          maxLength={500}
          onName={tag}
          onClose={() => setAsking(null)}
        />
      )}
    </div>
  );
}
