"use client";

import { Folder, FolderPlus, Pencil, Trash2 } from "lucide-react";
import { useRouter } from "next/navigation";
import Link from "next/link";
import { useState, type ReactNode } from "react";
import { useTranslations } from "use-intl";
import { toast } from "sonner";
import { NameDialog } from "./name-dialog";
import { IconButton } from "@/components/ui/button";
import { projectKeys, NO_PROJECT, useProjectChanges, useProjects, type Project } from "@/lib/projects";
import { undoable } from "@/lib/undoable";
import { useProblemText } from "@/lib/use-problem-text";
import { useQueryClient } from "@tanstack/react-query";

/** The library's page of one project, of what lies in none, or of everything. */
export function projectHref(id?: string): string {
  return id ? `/library/?project=${encodeURIComponent(id)}` : "/library/";
}

/** The projects of the library as shelves to choose from. */
export function ProjectBar({ chosen }: { chosen: string | undefined }) {
  const t = useTranslations("projects");
  const router = useRouter();
  const projects = useProjects();
  const { make } = useProjectChanges();
  const [naming, setNaming] = useState(false);
  return (
    <nav
      aria-label={t("shelves")}
      className="hide-scrollbar -mx-4 mt-5 flex gap-2 overflow-x-auto px-4 py-1 md:mx-0 md:flex-wrap md:px-0"
    >
      <Shelf href={projectHref()} here={!chosen}>
        {t("all")}
      </Shelf>
      {projects.items.map((project) => (
        <Shelf key={project.id} href={projectHref(project.id)} here={chosen === project.id}>
          <Folder size={14} aria-hidden />
          <span className="max-w-48 truncate">{project.title}</span>
          <span className="tabular text-faint">{project.track_count}</span>
        </Shelf>
      ))}
      {projects.hasNextPage && (
        <button
          type="button"
          disabled={projects.isFetchingNextPage}
          onClick={() => void projects.fetchNextPage()}
          className="h-9 shrink-0 touch:h-11 rounded-lg px-3 text-sm font-medium text-muted transition hover:text-ink"
        >
          {t("more")}
        </button>
      )}
      {projects.items.length > 0 && (
        <Shelf href={projectHref(NO_PROJECT)} here={chosen === NO_PROJECT}>
          {t("none")}
        </Shelf>
      )}
      <button
        type="button"
        onClick={() => setNaming(true)}
        className="inline-flex h-9 shrink-0 touch:h-11 items-center gap-2 rounded-lg border border-dashed border-line-strong px-3 text-sm font-medium text-muted transition hover:text-ink"
      >
        <FolderPlus size={14} aria-hidden />
        {t("new")}
      </button>
      {naming && (
        <NameDialog
          title={t("new")}
          label={t("name")}
          action={t("make")}
          cancel={t("cancel")}
          busy={make.isPending}
          failure={make.error}
          onName={(title) =>
            make.mutate(title, {
              onSuccess: (project) => {
                setNaming(false);
                router.push(projectHref(project.id));
              },
            })
          }
          onClose={() => {
            setNaming(false);
            make.reset();
          }}
        />
      )}
    </nav>
  );
}

function Shelf({ href, here, children }: { href: string; here: boolean; children: ReactNode }) {
  return (
    <Link
      prefetch={false}
      href={href}
      aria-current={here ? "page" : undefined}
      className={`inline-flex h-9 shrink-0 touch:h-11 items-center gap-2 rounded-lg border px-3 text-sm transition ${
        here ? "border-line-strong bg-raised font-semibold text-ink" : "border-line text-muted hover:text-ink"
      }`}
    >
      {children}
    </Link>
  );
}

/** The chosen project's name, with what can be done with it. */
export function ProjectHead({ project }: { project: Project }) {
  const t = useTranslations("projects");
  const text = useProblemText();
  const router = useRouter();
  const queries = useQueryClient();
  const { rename, remove } = useProjectChanges();
  const [naming, setNaming] = useState(false);
  const drop = () => {
    const known = queries.getQueryData(projectKeys.list);
    queries.setQueryData<{ pages: { items: Project[] }[] }>(
      projectKeys.list,
      (list) =>
        list && {
          ...list,
          pages: list.pages.map((page) => ({ ...page, items: page.items.filter(({ id }) => id !== project.id) })),
        },
    );
    router.push(projectHref());
    undoable(
      t("deleted", { title: project.title }),
      t("undo"),
      () => remove.mutate(project.id, { onError: (failure) => void toast.error(text(failure)) }),
      () => {
        queries.setQueryData(projectKeys.list, known);
        router.push(projectHref(project.id));
      },
    );
  };
  return (
    <div className="mt-6 flex items-center gap-2">
      <Folder size={22} aria-hidden className="shrink-0 text-accent" />
      <div className="min-w-0 flex-1 items-baseline gap-3 sm:flex">
        <h2 className="min-w-0 break-words text-2xl">{project.title}</h2>
        <p className="shrink-0 text-sm text-muted">{t("trackCount", { count: project.track_count })}</p>
      </div>
      <IconButton label={t("rename")} size="small" onClick={() => setNaming(true)}>
        <Pencil size={16} />
      </IconButton>
      <IconButton label={t("delete")} size="small" onClick={drop}>
        <Trash2 size={16} />
      </IconButton>
      {naming && (
        <NameDialog
          title={t("rename")}
          label={t("name")}
          value={project.title}
          action={t("save")}
          cancel={t("cancel")}
          busy={rename.isPending}
          failure={rename.error}
          onName={(title) => rename.mutate({ id: project.id, title }, { onSuccess: () => setNaming(false) })}
          onClose={() => {
            setNaming(false);
            rename.reset();
          }}
        />
      )}
    </div>
  );
}
