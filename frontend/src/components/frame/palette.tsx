"use client";

import { useRouter } from "next/navigation";
import {
  AudioLines,
  LibraryBig,
  ListMusic,
  Music,
  Search,
  Settings,
  SlidersVertical,
  UsersRound,
  type LucideIcon,
} from "lucide-react";
import { useId, useMemo, useState, type KeyboardEvent } from "react";
import { useTranslations } from "use-intl";
import { Modal } from "@/components/ui/modal";
import { trackHref, useTracks } from "@/lib/music";
import { useProblemText } from "@/lib/use-problem-text";
import { useSettled } from "@/lib/use-settled";
import { useFrame } from "@/stores/frame";

type Entry = { id: string; name: string; note?: string; href: string; sign: LucideIcon };

const MOST_TRACKS = 8;

/** Type to go anywhere: pages and tracks. */
export default function Palette() {
  const t = useTranslations("frame");
  const { closePalette } = useFrame();
  const router = useRouter();
  const list = useId();
  const [text, setText] = useState("");
  const [chosen, setChosen] = useState(0);
  const problem = useProblemText();
  const asked = useSettled(text.trim());
  const tracks = useTracks({ text: asked });
  const answered = asked === text.trim() && !tracks.isPlaceholderData;
  const entries = useMemo<Entry[]>(() => {
    const pages: Entry[] = [
      { id: "create", name: t("create"), href: "/create/", sign: AudioLines },
      { id: "studio", name: t("studio"), href: "/studio/", sign: SlidersVertical },
      { id: "library", name: t("library"), href: "/library/", sign: LibraryBig },
      { id: "playlists", name: t("playlists"), href: "/playlists/", sign: ListMusic },
      { id: "community", name: t("community"), href: "/community/", sign: UsersRound },
      { id: "settings", name: t("settings"), href: "/settings/", sign: Settings },
    ];
    const wanted = text.trim().toLowerCase();
    const fits = (...words: string[]) => !wanted || words.some((word) => word.toLowerCase().includes(wanted));
    // The server looks through the whole library; until it has answered, what is here is looked through.
    const here = tracks.data?.pages.flatMap((page) => page.items) ?? [];
    const found = answered ? here : here.filter((track) => fits(track.title, track.prompt, ...track.tags));
    return [
      ...pages.filter((page) => fits(page.name)),
      ...found.slice(0, MOST_TRACKS).map((track) => ({
        id: track.id,
        name: track.title,
        note: track.tags.slice(0, 2).join(" · "),
        href: trackHref(track.id),
        sign: Music,
      })),
    ];
  }, [t, text, tracks.data, answered]);
  const go = (entry: Entry | undefined) => {
    if (!entry) return;
    closePalette();
    router.push(entry.href);
  };
  const onKey = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      setChosen((at) => (at + step + entries.length) % Math.max(1, entries.length));
    } else if (event.key === "Enter") {
      event.preventDefault();
      go(entries[chosen]);
    }
  };
  return (
    <Modal label={t("search")} onClose={closePalette} className="mt-[12dvh] w-[min(94vw,600px)]">
      <div className="flex items-center gap-3 border-b border-line px-4">
        <Search size={18} aria-hidden className="text-faint" />
        <input
          autoFocus
          role="combobox"
          aria-expanded
          aria-controls={list}
          aria-activedescendant={entries[chosen] ? `${list}-${chosen}` : undefined}
          aria-label={t("search")}
          placeholder={t("searchPlaceholder")}
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setChosen(0);
          }}
          onKeyDown={onKey}
          className="h-14 flex-1 bg-transparent text-lg outline-none"
        />
      </div>
      <ul id={list} role="listbox" aria-label={t("search")} className="max-h-[52dvh] overflow-y-auto p-2">
        {entries.map((entry, at) => (
          <li
            key={entry.id}
            id={`${list}-${at}`}
            role="option"
            aria-selected={at === chosen}
            onPointerMove={() => setChosen(at)}
            onClick={() => go(entry)}
            className={`flex h-11 cursor-pointer items-center gap-3 rounded-md px-3 ${at === chosen ? "bg-raised" : ""}`}
          >
            <entry.sign size={17} aria-hidden className="text-faint" />
            <span className="min-w-0 flex-1 truncate">{entry.name}</span>
            <span className="text-[13px] text-faint">{entry.note}</span>
          </li>
        ))}
        {tracks.error && !tracks.data ? (
          <li role="option" aria-selected={false} aria-disabled className="px-3 py-3 text-center text-bad">
            {problem(tracks.error)}
          </li>
        ) : (
          entries.length === 0 && (
            <li role="option" aria-selected={false} aria-disabled className="px-3 py-6 text-center text-muted">
              {t("nothingFound")}
            </li>
          )
        )}
      </ul>
    </Modal>
  );
}
