"use client";

import { useTranslations } from "use-intl";
import { VersionTree } from "./versions";
import { Button } from "@/components/ui/button";
import { Modal } from "@/components/ui/modal";
import { Failed, Skeleton } from "@/components/ui/states";
import type { Track } from "@/lib/api/client";
import { useVersions } from "@/lib/music";
import { useSession } from "@/lib/session";

/** Where a track comes from and what became of it, from wherever one meets it. */
export default function VersionsDialog({ track, onClose }: { track: Track; onClose: () => void }) {
  const t = useTranslations("versions");
  const { user } = useSession();
  const versions = useVersions(track.id);
  return (
    <Modal label={t("of", { title: track.title })} onClose={onClose} className="w-[min(92vw,560px)]">
      <div className="p-6" onClick={(event) => (event.target as Element).closest("a[href]") && onClose()}>
        <h2 className="line-clamp-2 break-words text-xl">{t("of", { title: track.title })}</h2>
        <div className="mt-4">
          {versions.error && !versions.data ? (
            <Failed failure={versions.error} retry={() => void versions.refetch()} />
          ) : !versions.data ? (
            <Skeleton className="h-24" />
          ) : versions.data.length < 2 ? (
            <p className="text-muted">{t("alone")}</p>
          ) : (
            <VersionTree versions={versions.data} here={track.id} me={user?.username ?? ""} />
          )}
        </div>
        <div className="mt-6 flex justify-end">
          <Button onClick={onClose}>{t("close")}</Button>
        </div>
      </div>
    </Modal>
  );
}
