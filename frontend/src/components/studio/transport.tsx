"use client";

import { History, Redo2, RotateCcw, Scissors, SkipBack, Undo2, ZoomIn } from "lucide-react";
import { useEffect, useRef, type RefObject } from "react";
import { useTranslations } from "use-intl";
import { Bounce } from "./bounce";
import { GRIDS } from "./grids";
import { Meter } from "./meter";
import { IconButton } from "@/components/ui/button";
import { selectClass } from "@/components/ui/field";
import { PlayButton } from "@/components/ui/play-button";
import { Slider } from "@/components/ui/slider";
import type { Track } from "@/lib/api/client";
import type { Multitrack } from "@/lib/audio/multitrack";
import { MASTER } from "@/lib/audio/session";
import { tempo, timecode } from "@/lib/format";
import { splitAt, useStudio } from "@/stores/studio";
import { useKeyText } from "@/lib/use-key-text";

/** Play, where one is, how one moves, back and forth, and the way out. */
export function Transport({
  track,
  engine,
  playing,
  onToggle,
  zoom,
  onZoom,
  grid,
  onGrid,
  onReset,
  versions,
  versionsButton,
  onVersions,
}: {
  track: Track;
  engine: Multitrack | null;
  playing: boolean;
  onToggle: () => void;
  zoom: number;
  onZoom: (zoom: number) => void;
  grid: number;
  onGrid: (grid: number) => void;
  onReset: () => void;
  /** Whether the panel of versions is shown. */
  versions: boolean;
  versionsButton: RefObject<HTMLButtonElement | null>;
  onVersions: () => void;
}) {
  const t = useTranslations("studio");
  const keyText = useKeyText();
  const { undo, redo, past, future, selected } = useStudio();
  return (
    <div className="sticky top-16 z-20 flex flex-wrap items-center gap-x-4 gap-y-2 border-b border-line bg-surface px-3 py-2 md:px-6">
      <div className="flex items-center gap-1">
        <IconButton label={t("toStart")} onClick={() => engine?.seek(0)}>
          <SkipBack size={19} fill="currentColor" />
        </IconButton>
        <PlayButton label={playing ? t("pause") : t("play")} playing={playing} onClick={onToggle} />
      </div>
      <Clock engine={engine} />
      <p className="tabular flex gap-3 text-sm text-muted max-md:hidden">
        {track.bpm && <span>{tempo(track.bpm)} bpm</span>}
        {track.key && <span>{keyText(track.key)}</span>}
      </p>
      <label className="flex items-center gap-2 text-sm text-muted">
        <span className="max-sm:sr-only">{t("snap")}</span>
        <select className={`${selectClass} h-9`} value={grid} onChange={(event) => onGrid(Number(event.target.value))}>
          {GRIDS.map(({ name }, at) => (
            <option key={name} value={at}>
              {name === "free" || name === "bar" ? t(name) : name}
            </option>
          ))}
        </select>
      </label>
      <label className="flex items-center gap-2 text-muted max-sm:hidden" title={t("zoom")}>
        <ZoomIn size={17} aria-hidden />
        <Slider min={0} max={1} step={0.01} value={zoom} onValue={onZoom} aria-label={t("zoom")} className="w-24" />
      </label>
      <div className="flex items-center">
        <IconButton label={t("split")} onClick={() => engine && splitAt(engine.position, selected)}>
          <Scissors size={17} />
        </IconButton>
        <IconButton label={t("undo")} disabled={!past.length} onClick={undo}>
          <Undo2 size={18} />
        </IconButton>
        <IconButton label={t("redo")} disabled={!future.length} onClick={redo}>
          <Redo2 size={18} />
        </IconButton>
        <IconButton label={t("reset")} onClick={onReset} className="max-sm:hidden">
          <RotateCcw size={16} />
        </IconButton>
        <IconButton ref={versionsButton} label={t("versions")} pressed={versions} onClick={onVersions}>
          <History size={17} />
        </IconButton>
      </div>
      <div className="ml-auto flex items-center gap-3 max-md:hidden" title={t("masterLevel")}>
        <div className="h-10">
          <Meter analyser={engine?.analyser(MASTER)} label={t("masterLevel")} />
        </div>
      </div>
      <Bounce />
    </div>
  );
}

/** Where one is; written straight into the page, sixty times a second. */
function Clock({ engine }: { engine: Multitrack | null }) {
  const t = useTranslations("studio");
  const place = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    let handle = 0;
    const show = () => {
      if (place.current) place.current.textContent = timecode(engine?.position ?? 0);
      handle = requestAnimationFrame(show);
    };
    show();
    return () => cancelAnimationFrame(handle);
  }, [engine]);
  return (
    <span
      role="timer"
      aria-label={t("position")}
      aria-live="off"
      ref={place}
      className="tabular min-w-[104px] text-xl font-semibold tracking-tight"
    >
      00:00.000
    </span>
  );
}
