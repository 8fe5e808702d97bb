"use client";

import { useQuery } from "@tanstack/react-query";
import { Download, ZoomIn } from "lucide-react";
import { useEffect, useMemo, useRef, useState, type KeyboardEvent, type PointerEvent } from "react";
import { useTranslations } from "use-intl";
import { RollPainter } from "./roll-painter";
import { buttonClass } from "@/components/ui/button";
import { Slider } from "@/components/ui/slider";
import { Failed, Skeleton } from "@/components/ui/states";
import type { Track } from "@/lib/api/client";
import { problemOf, ProblemError } from "@/lib/api/problem";
import { engine } from "@/lib/audio/player-engine";
import { clock } from "@/lib/format";
import { readMidi, type MidiSong } from "@/lib/midi";
import { soundingAt } from "@/lib/piano-roll";
import { midiUrl, playableTrack } from "@/lib/music";
import { stemVariable } from "@/lib/stems";
import { usePlayer } from "@/stores/player";
import { useComposerWords } from "@/lib/use-composer-words";
import { useSectionName } from "@/lib/use-section-name";

const HEIGHT = 300;
const CLOSEST_PIXELS_PER_SECOND = 220;
const STEP_SECONDS = 1;

async function fetchMidi(id: string, signal: AbortSignal): Promise<MidiSong> {
  const response = await fetch(midiUrl(id), { signal, credentials: "same-origin" }).catch((failure: unknown) => {
    if (signal.aborted) throw failure;
    throw new ProblemError(0, "offline", "", []);
  });
  if (!response.ok) throw problemOf(response.status, await response.json().catch(() => null), response.headers);
  return readMidi(new Uint8Array(await response.arrayBuffer()));
}

/** Which stem each part of the composer belongs to; parts of other files are what they are called. */
function stemsOfParts(track: Track): Map<string, string> {
  const understood = (track.spec as { understood?: { parts?: unknown } } | null)?.understood?.parts;
  return new Map(
    (Array.isArray(understood) ? understood : []).flatMap((part: unknown) => {
      const { name, stem } = (part ?? {}) as { name?: unknown; stem?: unknown };
      return typeof name === "string" && typeof stem === "string" ? [[name, stem] as const] : [];
    }),
  );
}

/** The notes of a track as a piano roll that follows the player. */
export function PianoRoll({ track }: { track: Track }) {
  const t = useTranslations("roll");
  const midi = useQuery({
    queryKey: ["midi", track.id],
    staleTime: Infinity,
    retry: false,
    queryFn: ({ signal }) => fetchMidi(track.id, signal),
  });
  return (
    <section aria-labelledby="roll">
      <div className="flex flex-wrap items-center gap-3">
        <h2 id="roll" className="text-xl">
          {t("title")}
        </h2>
        <a href={midiUrl(track.id)} download className={buttonClass("quiet", "small", "ml-auto")}>
          <Download size={15} aria-hidden />
          {t("download")}
        </a>
      </div>
      {midi.error ? (
        <Failed failure={midi.error} retry={() => void midi.refetch()} />
      ) : midi.data ? (
        midi.data.parts.length ? (
          <Roll track={track} song={midi.data} />
        ) : (
          <p className="mt-4 text-muted">{t("empty")}</p>
        )
      ) : (
        <Skeleton className="mt-4 h-72" />
      )}
    </section>
  );
}

function Roll({ track, song }: { track: Track; song: MidiSong }) {
  const t = useTranslations("roll");
  const { instrument } = useComposerWords();
  const sectionName = useSectionName();
  const view = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const painter = useRef<RollPainter | null>(null);
  const [hidden, setHidden] = useState<readonly number[]>([]);
  const [zoom, setZoom] = useState(0.25);
  const [room, setRoom] = useState(600);
  const playing = usePlayer((player) => player.playing && player.current()?.id === track.id);
  const isOn = usePlayer((player) => player.current()?.id === track.id);
  const time = usePlayer((player) => (player.current()?.id === track.id ? player.time : 0));
  const stems = useMemo(() => stemsOfParts(track), [track]);
  const length = Math.max(song.seconds, track.duration);
  const fit = room / length;
  const scale = fit * Math.max(1, CLOSEST_PIXELS_PER_SECOND / fit) ** zoom;
  const colourOf = (name: string) => stemVariable(stems.get(name) ?? name);
  const parts = useMemo(() => song.parts.filter((_, at) => !hidden.includes(at)), [song, hidden]);

  useEffect(() => {
    const made = new RollPainter(canvas.current!, HEIGHT);
    painter.current = made;
    const sizes = new ResizeObserver(([entry]) => setRoom(Math.max(120, Math.floor(entry!.contentRect.width))));
    sizes.observe(view.current!);
    return () => {
      sizes.disconnect();
      made.close();
    };
  }, []);
  useEffect(() => {
    painter.current?.show({ song, parts, colourOf, sectionName, scale, width: room, scroll: view.current!.scrollLeft });
    // Colours follow from the track's stems, which come with the song.
  }, [song, parts, scale, room, stems, sectionName]);
  useEffect(() => {
    if (!playing) {
      painter.current?.moveTo(time);
      return;
    }
    let handle = 0;
    const follow = () => {
      const element = view.current;
      // The page may be left between two frames.
      if (!element) return;
      const now = engine.time;
      const x = now * scale;
      if (x < element.scrollLeft || x > element.scrollLeft + room - 24) element.scrollLeft = Math.max(0, x - 40);
      painter.current?.moveTo(now);
      handle = requestAnimationFrame(follow);
    };
    follow();
    return () => cancelAnimationFrame(handle);
  }, [playing, time, scale, room]);

  const go = (seconds: number) => {
    const player = usePlayer.getState();
    if (!isOn) player.play([playableTrack(track)]);
    player.seek(Math.min(length, Math.max(0, seconds)));
  };
  const press = (event: PointerEvent<HTMLElement>) => {
    if (event.button !== 0) return;
    const box = event.currentTarget.getBoundingClientRect();
    go((event.clientX - box.left) / scale);
  };
  const onKey = (event: KeyboardEvent) => {
    const to = {
      ArrowLeft: time - STEP_SECONDS,
      ArrowRight: time + STEP_SECONDS,
      Home: 0,
      End: length,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    go(to);
  };

  return (
    <div className="panel mt-4 overflow-hidden">
      <div
        ref={view}
        role="slider"
        tabIndex={0}
        aria-label={t("label")}
        aria-valuemin={0}
        aria-valuemax={Math.round(length)}
        aria-valuenow={Math.round(time)}
        aria-valuetext={[t("at", { time: clock(time) }), soundingAt(song, time).join(" ")].filter(Boolean).join(" · ")}
        onKeyDown={onKey}
        onScroll={(event) => painter.current?.scrollTo(event.currentTarget.scrollLeft)}
        className="relative cursor-pointer overflow-x-auto overscroll-x-contain focus-visible:outline-offset-[-2px]"
        style={{ height: HEIGHT + 2 }}
      >
        <div onPointerDown={press} style={{ width: Math.ceil(length * scale), height: HEIGHT }}>
          <canvas
            ref={canvas}
            aria-hidden
            className="sticky left-0 block"
            style={{ width: Math.min(room, Math.ceil(length * scale)), height: HEIGHT }}
          />
        </div>
      </div>
      <div className="flex flex-wrap items-center gap-x-2 gap-y-2 border-t border-line px-3 py-2">
        {song.parts.map(({ name }, at) => {
          const off = hidden.includes(at);
          return (
            <button
              key={at}
              type="button"
              aria-pressed={!off}
              onClick={() => setHidden(off ? hidden.filter((other) => other !== at) : [...hidden, at])}
              className={`flex h-8 touch:h-11 items-center gap-2 rounded-full border px-3 text-[13px] first-letter:uppercase transition ${off ? "border-line text-faint line-through" : "border-line-strong"}`}
            >
              <span
                aria-hidden
                className="size-2.5 rounded-full"
                style={{ background: off ? "var(--line-strong)" : colourOf(name) }}
              />
              {instrument(name)}
            </button>
          );
        })}
        <label className="ml-auto flex items-center gap-2 text-muted" title={t("zoom")}>
          <ZoomIn size={16} aria-hidden />
          <Slider
            min={0}
            max={1}
            step={0.01}
            value={zoom}
            onValue={setZoom}
            aria-label={t("zoom")}
            className="w-28 touch:h-11"
          />
        </label>
      </div>
    </div>
  );
}
