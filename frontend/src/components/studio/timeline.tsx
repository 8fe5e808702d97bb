"use client";

import { Plus, ZoomIn } from "lucide-react";
import {
  Fragment,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
  type KeyboardEvent,
  type PointerEvent,
} from "react";
import { useTranslations } from "use-intl";
import { AutomationLane } from "./automation-lane";
import { ClipView } from "./clip-view";
import { LaneHead } from "./lane-head";
import { BUS_HEIGHT, LANE_HEIGHT, RULER_HEIGHT, viewOf, type View } from "./rows";
import { Ruler } from "./ruler";
import { Strip, stripColour } from "./strip";
import { Slider } from "@/components/ui/slider";
import { crossfaded } from "@/lib/audio/edits";
import type { Multitrack } from "@/lib/audio/multitrack";
import { audibleWires, isHeard } from "@/lib/audio/routing";
import { isChannel, MASTER, snapped, sourceKey, type Channel, type Strip as AnyStrip } from "@/lib/audio/session";
import { addBus, useStudio } from "@/stores/studio";

const CLOSEST_PIXELS_PER_SECOND = 240;
const FREE_STEP_SECONDS = 1;
const ZOOM_STEP = 0.05;
/** Room before the first second, so that what stands there can be seen and taken hold of. */
const GUTTER_PIXELS = 12;
/** So much of a song in view, pages around it included, is a close look. */
const CLOSELY_SECONDS = 90;
/** As many as the server's mixer takes. */
const MOST_BUSES = 32;

/** The channels above each other, their clips along time, then the buses and the master. */
export function Timeline({
  engine,
  peaks,
  playing,
  zoom,
  onZoom,
  step,
  beat,
  length,
}: {
  engine: Multitrack | null;
  peaks: Record<string, Float32Array>;
  playing: boolean;
  zoom: number;
  onZoom: (zoom: number) => void;
  step: number;
  beat: number;
  length: number;
}) {
  const t = useTranslations("studio");
  const { channels, buses, master, selected, shown, select, show } = useStudio();
  const scroller = useRef<HTMLDivElement>(null);
  const head = useRef<HTMLDivElement>(null);
  const [room, setRoom] = useState(800);
  const [view, setView] = useState(() => viewOf(0, 800));
  const [pencil, setPencil] = useState(false);
  const audible = useMemo(() => audibleWires(channels, buses), [channels, buses]);
  const seconds = Math.max(8, length + 4);
  const fit = (room - GUTTER_PIXELS) / seconds;
  const scale = fit * (CLOSEST_PIXELS_PER_SECOND / fit) ** zoom;
  const strips = [...channels, ...buses, master];
  const heard = (id: string) => id === MASTER || isHeard(id, audible);

  useLayoutEffect(() => {
    const element = scroller.current!;
    const look = () => {
      const seen = viewOf(element.scrollLeft, element.clientWidth);
      setView((before) => (before.from === seen.from && before.to === seen.to ? before : seen));
    };
    const sizes = new ResizeObserver(() => {
      setRoom(Math.max(160, element.clientWidth));
      look();
    });
    sizes.observe(element);
    element.addEventListener("scroll", look, { passive: true });
    return () => {
      sizes.disconnect();
      element.removeEventListener("scroll", look);
    };
  }, []);

  // What is looked at closely is drawn finely, also where it has not been heard.
  useEffect(() => {
    const [from, to] = [view.from / scale, view.to / scale];
    if (to - from <= CLOSELY_SECONDS) engine?.streams.look(from, to);
    else engine?.streams.look(0, 0);
  }, [engine, view, scale]);

  // Closer or farther, one goes on to look at the same place: the playhead where it is in view, else the middle.
  const drawn = useRef(scale);
  useLayoutEffect(() => {
    const { scrollLeft, clientWidth } = scroller.current!;
    const playhead = (engine?.position ?? 0) * drawn.current;
    const isSeen = playhead >= scrollLeft && playhead <= scrollLeft + clientWidth;
    const anchor = isSeen ? playhead : scrollLeft + clientWidth / 2;
    scroller.current!.scrollLeft = scrollLeft + anchor * (scale / drawn.current - 1);
    drawn.current = scale;
  }, [scale, engine]);

  const turn = useRef<(by: number) => void>(() => undefined);
  useEffect(() => {
    turn.current = (by) => onZoom(Math.min(1, Math.max(0, zoom + by)));
  });
  useEffect(() => {
    const element = scroller.current!;
    // Also what a pinch on a touchpad arrives as. React's own listeners could not keep the page from growing.
    const onWheel = (event: WheelEvent) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      turn.current(-Math.sign(event.deltaY) * ZOOM_STEP);
    };
    element.addEventListener("wheel", onWheel, { passive: false });
    return () => element.removeEventListener("wheel", onWheel);
  }, []);

  useEffect(() => {
    let handle = 0;
    const follow = () => {
      const x = (engine?.position ?? 0) * scale;
      if (head.current) head.current.style.transform = `translateX(${x}px)`;
      const view = scroller.current;
      if (view && playing && (x < view.scrollLeft || x > view.scrollLeft + view.clientWidth - 40))
        view.scrollLeft = Math.max(0, x - 80);
      handle = requestAnimationFrame(follow);
    };
    follow();
    return () => cancelAnimationFrame(handle);
  }, [engine, scale, playing]);

  const seek = (event: PointerEvent<HTMLElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    engine?.seek(snapped(Math.max(0, (event.clientX - box.left) / scale), step));
  };
  const walk = (event: KeyboardEvent<HTMLElement>) => {
    const closer = { "+": ZOOM_STEP, "-": -ZOOM_STEP }[event.key];
    if (closer && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      turn.current(closer);
      return;
    }
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by || !engine || event.target !== event.currentTarget) return;
    event.preventDefault();
    const grid = step || FREE_STEP_SECONDS;
    engine.seek(snapped(Math.min(length, Math.max(0, engine.position + by * grid)), step));
    const x = engine.position * scale;
    const view = event.currentTarget;
    if (x < view.scrollLeft || x > view.scrollLeft + view.clientWidth - 40) view.scrollLeft = Math.max(0, x - 80);
  };
  const toggleLanes = (strip: AnyStrip) => {
    const moving = strip.automation.map(({ target }) => target);
    show(strip.id, shown[strip.id]?.length ? [] : moving.length ? moving : ["gain_db"]);
  };

  return (
    <div className="flex min-w-0 flex-1 max-lg:min-h-0">
      <div className="w-[132px] shrink-0 border-r border-line md:w-[232px]">
        <div className="flex items-center border-b border-line px-3" style={{ height: RULER_HEIGHT }}>
          <label className="flex min-w-0 items-center gap-2 text-muted sm:hidden" title={t("zoom")}>
            <ZoomIn size={15} aria-hidden className="shrink-0" />
            <Slider
              min={0}
              max={1}
              step={0.01}
              value={zoom}
              onValue={onZoom}
              aria-label={t("zoom")}
              className="min-w-0 flex-1"
            />
          </label>
        </div>
        <ul aria-label={t("channels")}>
          {strips.map((strip) => (
            <Fragment key={strip.id}>
              <Strip
                strip={strip}
                engine={engine}
                selected={selected === strip.id}
                audible={heard(strip.id)}
                onLanes={() => toggleLanes(strip)}
              />
              {shown[strip.id]?.map((target) => (
                <LaneHead
                  key={target}
                  strip={strip}
                  target={target}
                  engine={engine}
                  pencil={pencil}
                  onPencil={setPencil}
                />
              ))}
            </Fragment>
          ))}
        </ul>
        <button
          type="button"
          onClick={() => addBus((number) => t("busName", { number }))}
          disabled={buses.length >= MOST_BUSES}
          className="flex h-11 w-full items-center gap-2 px-3 text-sm font-medium text-muted transition hover:bg-raised hover:text-ink disabled:opacity-40"
        >
          <Plus size={16} aria-hidden />
          {t("addBus")}
        </button>
      </div>
      <div
        ref={scroller}
        tabIndex={0}
        role="group"
        aria-label={t("timeline")}
        aria-keyshortcuts="+ -"
        data-timeline
        onKeyDown={walk}
        // A double click would select text, and the next pull would drag it away.
        onDragStart={(event) => event.preventDefault()}
        className="relative min-w-0 select-none flex-1 overflow-x-auto overscroll-x-contain focus-visible:outline-offset-[-2px]"
      >
        <div className="relative" style={{ width: seconds * scale, marginLeft: GUTTER_PIXELS }}>
          <Ruler beat={beat} scale={scale} length={seconds} view={view} onSeek={seek} />
          {strips.map((strip) => (
            <Fragment key={strip.id}>
              <div
                onPointerDown={(event) => {
                  if (event.target !== event.currentTarget) return;
                  select(strip.id);
                  seek(event);
                }}
                className={`relative border-b border-line transition-opacity ${heard(strip.id) ? "" : "opacity-35"} ${selected === strip.id ? "bg-surface" : ""}`}
                style={{
                  height: isChannel(strip) ? LANE_HEIGHT : BUS_HEIGHT,
                  backgroundImage: gridLines(beat * 4 * scale),
                }}
              >
                {isChannel(strip) && (
                  <Clips channel={strip} peaks={peaks[sourceKey(strip)]} scale={scale} step={step} view={view} />
                )}
              </div>
              {shown[strip.id]?.map((target) => (
                <AutomationLane
                  key={target}
                  strip={strip}
                  target={target}
                  colour={stripColour(strip)}
                  scale={scale}
                  width={seconds * scale}
                  step={step}
                  pencil={pencil}
                />
              ))}
            </Fragment>
          ))}
          <div ref={head} aria-hidden className="pointer-events-none absolute inset-y-0 left-0 z-10 w-px bg-coral">
            <div className="absolute -left-[5px] top-0 size-[11px] rounded-full bg-coral" />
          </div>
        </div>
      </div>
    </div>
  );
}

/** A channel's clips, drawn with the fades that they sound with. */
function Clips({
  channel,
  peaks,
  scale,
  step,
  view,
}: {
  channel: Channel;
  peaks: Float32Array | undefined;
  scale: number;
  step: number;
  view: View;
}) {
  const sounding = useMemo(() => crossfaded(channel.clips, channel.crossfade), [channel.clips, channel.crossfade]);
  return channel.clips.map((clip, at) => (
    <ClipView
      key={clip.id}
      clip={clip}
      sounding={sounding[at]!}
      channel={channel}
      peaks={peaks}
      colour={stripColour(channel)}
      scale={scale}
      step={step}
      view={view}
    />
  ));
}

/** Faint lines at every bar. */
function gridLines(barPixels: number): string | undefined {
  if (barPixels < 12) return undefined;
  return `repeating-linear-gradient(to right, var(--line) 0 1px, transparent 1px ${barPixels}px)`;
}
