"use client";

import { Folder, FolderMinus, Plus } from "lucide-react";
import { useRef, type FormEvent } from "react";
import { useTranslations } from "use-intl";
import { Button } from "@/components/ui/button";
import { inputClass } from "@/components/ui/field";
import { Modal } from "@/components/ui/modal";
import { menuItemClass } from "@/components/ui/pop";
import { Failed, Skeleton } from "@/components/ui/states";
import type { Track } from "@/lib/api/client";
import { useChangeTracks } from "@/lib/change-tracks";
import { useProjectChanges, useProjects } from "@/lib/projects";
import { useProblemText } from "@/lib/use-problem-text";

/** Puts tracks into one of one's projects, into a new one, or into none. */
export default function MoveDialog({
  tracks,
  onClose,
  onDone,
}: {
  tracks: Track[];
  onClose: () => void;
  onDone?: () => void;
}) {
  const t = useTranslations("projects");
  const said = useTranslations("library");
  const text = useProblemText();
  const projects = useProjects();
  const { make } = useProjectChanges();
  const change = useChangeTracks();
  const field = useRef<HTMLInputElement>(null);
  const title =
    tracks.length === 1 ? t("moveOne", { title: tracks[0]!.title }) : t("moveMany", { count: tracks.length });
  const move = (id: string | null, name: string) => {
    onClose();
    onDone?.();
    void change(
      tracks,
      { project_id: id },
      (track) => ({ project_id: track.project_id }),
      (count) => (id ? said("moved", { count, title: name }) : said("movedOut", { count })),
    );
  };
  const moveToNew = (event: FormEvent) => {
    event.preventDefault();
    const name = field.current?.value.trim() ?? "";
    if (name) make.mutate(name, { onSuccess: (project) => move(project.id, project.title) });
  };
  return (
    <Modal label={title} onClose={onClose} className="w-[min(92vw,420px)]">
      <div className="p-5">
        <h2 className="line-clamp-2 text-xl">{title}</h2>
        <form onSubmit={moveToNew} className="mt-4 flex gap-2">
          <input
            ref={field}
            required
            maxLength={200}
            aria-label={t("new")}
            placeholder={t("new")}
            className={inputClass}
          />
          <Button type="submit" disabled={make.isPending}>
            <Plus size={16} aria-hidden />
            {t("make")}
          </Button>
        </form>
        {make.error && (
          <p role="alert" className="mt-2 text-sm text-bad">
            {text(make.error)}
          </p>
        )}
        {projects.error && projects.items.length === 0 ? (
          <Failed failure={projects.error} retry={() => void projects.refetch()} />
        ) : projects.isPending ? (
          <Skeleton className="mt-4 h-24" />
        ) : (
          <ul className="mt-4">
            {projects.items.map((project) => (
              <li key={project.id}>
                <button type="button" className={menuItemClass} onClick={() => move(project.id, project.title)}>
                  <Folder size={16} aria-hidden className="shrink-0 text-faint" />
                  <span className="min-w-0 flex-1 truncate">{project.title}</span>
                  <span className="text-sm text-muted">{t("trackCount", { count: project.track_count })}</span>
                </button>
              </li>
            ))}
            {tracks.some((track) => track.project_id) && (
              <li>
                <button type="button" className={menuItemClass} onClick={() => move(null, "")}>
                  <FolderMinus size={16} aria-hidden className="shrink-0 text-faint" />
                  {t("none")}
                </button>
              </li>
            )}
          </ul>
        )}
        {projects.hasNextPage && (
          <Button
            size="small"
            className="mt-3"
            disabled={projects.isFetchingNextPage}
            onClick={() => void projects.fetchNextPage()}
          >
            {t("more")}
          </Button>
        )}
      </div>
    </Modal>
  );
}
