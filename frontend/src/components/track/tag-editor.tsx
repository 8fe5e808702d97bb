"use client";

import { Plus, X } from "lucide-react";
import { useState, type KeyboardEvent } from "react";
import { useTranslations } from "use-intl";
import type { Track } from "@/lib/api/client";
import { readTags } from "@/lib/library";
import { useChangeTrack } from "@/lib/music";

/** A track's tags; one click adds or removes one. */
export function TagEditor({ track }: { track: Track }) {
  const t = useTranslations("track");
  const change = useChangeTrack();
  const [text, setText] = useState("");
  const set = (tags: string[]) => change.mutate({ id: track.id, change: { tags } });
  const add = () => {
    const tags = readTags([...track.tags, text].join(","));
    setText("");
    if (tags.length !== track.tags.length) set(tags);
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key !== "Enter" && event.key !== ",") return;
    event.preventDefault();
    add();
  };
  return (
    <ul aria-label={t("tags")} className="mt-4 flex flex-wrap items-center gap-1.5">
      {track.tags.map((tag) => (
        <li key={tag}>
          <button
            type="button"
            onClick={() => set(track.tags.filter((other) => other !== tag))}
            aria-label={t("removeTag", { tag })}
            className="group flex h-7 touch:h-11 items-center gap-1 rounded-full border border-line px-3 text-[13px] text-muted transition hover:border-line-strong hover:text-ink"
          >
            {tag}
            <X size={12} aria-hidden className="hidden group-hover:block group-focus-visible:block" />
          </button>
        </li>
      ))}
      <li className="relative">
        <Plus
          size={13}
          aria-hidden
          className="pointer-events-none absolute left-2.5 top-1/2 -translate-y-1/2 text-faint"
        />
        <input
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={onKey}
          onBlur={() => text.trim() && add()}
          maxLength={50}
          placeholder={t("addTag")}
          aria-label={t("addTag")}
          className="h-7 touch:h-11 touch:w-32 w-28 rounded-full border border-dashed border-line-strong bg-transparent pl-7 pr-2 text-[13px]"
        />
      </li>
    </ul>
  );
}
