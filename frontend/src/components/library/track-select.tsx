"use client";

import { useId } from "react";
import { useTranslations } from "use-intl";
import { selectClass } from "@/components/ui/field";
import type { Track } from "@/lib/api/client";
import { clock } from "@/lib/format";
import { useTracks } from "@/lib/music";
import { useProblemText } from "@/lib/use-problem-text";

const MORE = "more";

/** One of the library's tracks; the rest of a large library comes page by page. */
export function TrackSelect({
  label,
  none,
  value,
  title,
  leaveOut,
  onChange,
  describe = (track) => clock(track.duration),
}: {
  label: string;
  /** What stands there while none is chosen. */
  none: string;
  value: string;
  /** The chosen track's name, for as long as its page of the library is not loaded. */
  title?: string;
  leaveOut?: string;
  onChange: (id: string, title: string, seconds: number) => void;
  describe?: (track: Track) => string;
}) {
  const t = useTranslations("library");
  const tracks = useTracks();
  const items = (tracks.data?.pages ?? []).flatMap((page) => page.items).filter(({ id }) => id !== leaveOut);
  const text = useProblemText();
  const note = useId();
  const failure = tracks.data ? null : tracks.error;
  const known = items.some(({ id }) => id === value);
  return (
    <label className="block min-w-0 text-sm">
      <span className="font-medium text-muted">{label}</span>
      <select
        className={`${selectClass} mt-1.5 w-full`}
        value={value}
        disabled={!value && !items.length && !tracks.hasNextPage}
        aria-describedby={failure ? note : undefined}
        onChange={(event) => {
          if (event.target.value === MORE) return void tracks.fetchNextPage();
          const chosen = items.find(({ id }) => id === event.target.value);
          onChange(event.target.value, chosen?.title ?? "", chosen?.duration ?? 0);
        }}
      >
        <option value="">{items.length || tracks.isPending || failure ? none : t("nothingYet")}</option>
        {value && !known && <option value={value}>{title || value}</option>}
        {items.map((track) => (
          <option key={track.id} value={track.id}>
            {track.title} · {describe(track)}
          </option>
        ))}
        {tracks.hasNextPage && <option value={MORE}>{t("more")}</option>}
      </select>
      {failure && (
        <span id={note} role="alert" className="mt-1 block text-[13px] text-bad">
          {text(failure)}
        </span>
      )}
    </label>
  );
}
