"use client";

import { CheckSquare, LayoutGrid, List } from "lucide-react";
import { useTranslations } from "use-intl";
import { IconButton } from "@/components/ui/button";
import { selectClass } from "@/components/ui/field";
import { TagFilter } from "@/components/ui/tag-filter";
import { SORTS, VISIBILITIES, type Narrowed, type Sort, type Visibility } from "@/lib/library";

export type View = "grid" | "list";

/** What narrows and orders the library, and how it is shown: one line, or on a phone what its button unfolds. */
export function Filters({
  id,
  open,
  tags,
  narrowed,
  onNarrow,
  view,
  onView,
  choosing,
  onChoosing,
}: {
  id: string;
  /** Whether it is unfolded where there is no room for it. */
  open: boolean;
  tags: readonly string[];
  narrowed: Narrowed;
  onNarrow: (change: Partial<Narrowed>) => void;
  view: View;
  onView: (view: View) => void;
  choosing: boolean;
  onChoosing: () => void;
}) {
  const t = useTranslations("library");
  const select = `${selectClass} md:h-8 px-2 md:text-sm max-lg:flex-auto`;
  return (
    <div
      id={id}
      className={`mt-5 items-center gap-x-6 gap-y-3 max-md:mt-3 max-lg:flex-wrap md:flex ${open ? "appear flex" : "hidden"}`}
    >
      <TagFilter
        label={t("tags")}
        tags={tags}
        chosen={narrowed.tag}
        onChoose={(tag) => onNarrow({ tag })}
        className="max-md:basis-[calc(100%+2rem)] md:max-lg:fade-edge md:max-lg:basis-full md:max-lg:flex-nowrap lg:min-w-0"
      />
      <div className="flex gap-2 max-md:basis-full md:max-lg:flex-1 lg:ml-auto lg:shrink-0">
        <select
          aria-label={t("visibility")}
          className={select}
          value={narrowed.visibility}
          onChange={(event) => onNarrow({ visibility: event.target.value as Visibility })}
        >
          {VISIBILITIES.map((name) => (
            <option key={name} value={name}>
              {t(`visibilities.${name}`)}
            </option>
          ))}
        </select>
        <select
          aria-label={t("sort")}
          className={select}
          value={narrowed.sort}
          onChange={(event) => onNarrow({ sort: event.target.value as Sort })}
        >
          {SORTS.map((name) => (
            <option key={name} value={name}>
              {t(`sorts.${name}`)}
            </option>
          ))}
        </select>
      </div>
      <div className="flex shrink-0 items-center gap-2 max-md:w-full max-md:justify-between">
        <IconButton
          label={t("choose")}
          size="small"
          pressed={choosing}
          onClick={onChoosing}
          className="rounded-lg! border border-line max-md:w-auto! max-md:flex max-md:items-center max-md:gap-2 max-md:px-4"
        >
          <CheckSquare size={17} />
          <span aria-hidden className="font-semibold text-ink md:hidden">
            {t("choose")}
          </span>
        </IconButton>
        <div role="group" aria-label={t("view")} className="flex rounded-lg border border-line md:p-px">
          {(["list", "grid"] as const).map((name) => (
            <IconButton
              key={name}
              label={t(name)}
              size="small"
              pressed={view === name}
              onClick={() => onView(name)}
              className="rounded-md! md:h-7! touch:md:h-10!"
            >
              {name === "list" ? <List size={17} /> : <LayoutGrid size={16} />}
            </IconButton>
          ))}
        </div>
      </div>
    </div>
  );
}
