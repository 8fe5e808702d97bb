"use client";

import { useCallback, useEffect, useRef, useState } from "react";
import { useTranslations } from "use-intl";
import { ChannelPanel } from "./channel-panel";
import { GRIDS } from "./grids";
import { Timeline } from "./timeline";
import { Transport } from "./transport";
import { heardChannels, useMultitrack } from "./use-multitrack";
import { VersionsPanel } from "./versions-panel";
import { Button } from "@/components/ui/button";
import type { Track } from "@/lib/api/client";
import { songLength, type Arrangement } from "@/lib/audio/session";
import { isTyping, isWriting } from "@/lib/keyboard";
import { usePlayer } from "@/stores/player";
import { splitAt, useStudio } from "@/stores/studio";

/** Stems on a timeline, with a mixer: `fresh` is how the project of that id begins, `track` what its music is. */
export function Editor({ track, projectId, fresh }: { track: Track; projectId: string; fresh: Arrangement }) {
  const t = useTranslations("studio");
  const studio = useStudio();
  const { engine, peaks, loaded, total, failed } = useMultitrack();
  const [playing, setPlaying] = useState(false);
  const [zoom, setZoom] = useState(0);
  const [grid, setGrid] = useState(2);
  const [versions, setVersions] = useState(false);
  const frame = useRef<HTMLDivElement>(null);
  const versionsButton = useRef<HTMLButtonElement>(null);
  const length = songLength(studio.auditioned?.arrangement.channels ?? studio.channels);
  const beat = 60 / (track.bpm ?? 120);
  const step = GRIDS[grid]!.beats * beat;

  const first = useRef({ bpm: track.bpm ?? null, fresh });
  useEffect(() => {
    // Once for each project: when more becomes known of the track, such as a like, what was done here stays.
    useStudio.getState().open(projectId, first.current.bpm, first.current.fresh);
  }, [projectId]);

  const toggle = useCallback(() => {
    if (!engine) return;
    if (engine.playing) engine.pause();
    else {
      const player = usePlayer.getState();
      if (player.playing) player.toggle();
      if (engine.position >= songLength(heardChannels())) engine.seek(0);
      engine.play();
    }
    setPlaying(engine.playing);
  }, [engine]);

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const command = event.metaKey || event.ctrlKey;
      const letter = event.key.toLowerCase();
      // Within a field the keys take back what was written there.
      if (command && (letter === "z" || letter === "y") && !isWriting(event.target)) {
        event.preventDefault();
        if (event.shiftKey || letter === "y") useStudio.getState().redo();
        else useStudio.getState().undo();
        return;
      }
      if (command && letter === "s" && !event.shiftKey && !event.altKey) {
        event.preventDefault();
        setVersions(true);
        return;
      }
      if (command || event.altKey) return;
      const onClip =
        event.target instanceof HTMLElement && event.target.closest("[data-clip],[data-point],[data-timeline]");
      if (isTyping(event.target) && !onClip) return;
      if (event.key === " ") toggle();
      else if (letter === "s" && engine) splitAt(engine.position, useStudio.getState().selected);
      else if (event.key === "Home") engine?.seek(0);
      else return;
      event.preventDefault();
      event.stopImmediatePropagation();
    };
    // Before the player's own keys: in the studio, space is the studio's.
    addEventListener("keydown", onKey, { capture: true });
    return () => removeEventListener("keydown", onKey, { capture: true });
  }, [engine, toggle]);

  useEffect(() => {
    if (!playing) return;
    let handle = 0;
    const watch = () => {
      if (engine && engine.position >= length) {
        engine.pause();
        engine.seek(length);
        setPlaying(false);
        return;
      }
      handle = requestAnimationFrame(watch);
    };
    handle = requestAnimationFrame(watch);
    return () => cancelAnimationFrame(handle);
  }, [playing, engine, length]);

  const closeVersions = () => {
    setVersions(false);
    useStudio.getState().audition(null);
    versionsButton.current?.focus();
  };

  return (
    <div ref={frame} data-own-keys className="flex flex-1 flex-col">
      <h1 className="sr-only">{t("title", { title: studio.title })}</h1>
      <Transport
        track={track}
        engine={engine}
        playing={playing}
        onToggle={toggle}
        zoom={zoom}
        onZoom={setZoom}
        grid={grid}
        onGrid={setGrid}
        onReset={() => studio.reset(fresh)}
        versions={versions}
        versionsButton={versionsButton}
        onVersions={() => setVersions(!versions)}
      />
      {(loaded < total || failed) && (
        <p
          role="status"
          className={`border-b border-line px-4 py-1.5 text-sm md:px-6 ${failed ? "text-bad" : "text-muted"}`}
        >
          {failed ? t("loadFailed") : t("loading", { loaded, total })}
        </p>
      )}
      {studio.conflict && <Conflict />}
      {studio.auditioned && <Audition number={studio.auditioned.number} />}
      <div className="flex min-h-0 flex-1 flex-col lg:flex-row">
        <Timeline
          engine={engine}
          peaks={peaks}
          playing={playing}
          zoom={zoom}
          onZoom={setZoom}
          step={step}
          beat={beat}
          length={length}
        />
        <div className="border-line bg-surface max-lg:border-t lg:w-[320px] lg:border-l">
          {versions && <VersionsPanel onClose={closeVersions} />}
          <ChannelPanel engine={engine} playing={playing} />
        </div>
      </div>
    </div>
  );
}

/** Another version sounds than the one that is shown. */
function Audition({ number }: { number: number }) {
  const t = useTranslations("mixes");
  const audition = useStudio((studio) => studio.audition);
  return (
    <div role="status" className="flex flex-wrap items-center gap-3 border-b border-line bg-raised px-4 py-2 md:px-6">
      <p className="mr-auto text-sm">{t("hearing", { number })}</p>
      <Button size="small" onClick={() => audition(null)}>
        {t("hearMine")}
      </Button>
    </div>
  );
}

/** Two tabs changed the same project: somebody has to say which one counts. */
function Conflict() {
  const t = useTranslations("studio");
  const settle = useStudio((studio) => studio.settle);
  return (
    <div role="alert" className="flex flex-wrap items-center gap-3 border-b border-line bg-raised px-4 py-2 md:px-6">
      <p className="mr-auto text-sm">{t("conflict")}</p>
      <Button size="small" onClick={() => settle("other")}>
        {t("takeOther")}
      </Button>
      <Button size="small" onClick={() => settle("this")}>
        {t("keepThis")}
      </Button>
    </div>
  );
}
