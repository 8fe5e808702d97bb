"use client";

import { useEffect, useLayoutEffect, useRef, useState, type PointerEvent } from "react";
import { useTranslations } from "use-intl";
import { ClipView } from "./clip-view";
import { Ruler } from "./ruler";
import { Strip } from "./strip";
import { sourceKey, type Multitrack } from "@/lib/audio/multitrack";
import { isAudible, snapped } from "@/lib/audio/session";
import { stemVariable } from "@/lib/stems";
import { useStudio } from "@/stores/studio";

export const LANE_HEIGHT = 96;
const CLOSEST_PIXELS_PER_SECOND = 240;

/** The channels above each other, their clips along time. */
export function Timeline({
  engine,
  peaks,
  playing,
  zoom,
  step,
  beat,
  length,
}: {
  engine: Multitrack | null;
  peaks: Record<string, Float32Array>;
  playing: boolean;
  zoom: number;
  step: number;
  beat: number;
  length: number;
}) {
  const t = useTranslations("studio");
  const { channels, selected, select } = useStudio();
  const scroller = useRef<HTMLDivElement>(null);
  const head = useRef<HTMLDivElement>(null);
  const [room, setRoom] = useState(800);
  const shown = Math.max(8, length + 4);
  const fit = room / shown;
  const scale = fit * (CLOSEST_PIXELS_PER_SECOND / fit) ** zoom;

  useLayoutEffect(() => {
    const element = scroller.current!;
    const sizes = new ResizeObserver(() => setRoom(Math.max(160, element.clientWidth)));
    sizes.observe(element);
    return () => sizes.disconnect();
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

  return (
    <div className="flex min-w-0 flex-1">
      <ul aria-label={t("channels")} className="w-[132px] shrink-0 border-r border-line md:w-[232px]">
        <li aria-hidden className="h-8 border-b border-line" />
        {channels.map((channel) => (
          <Strip
            key={channel.id}
            channel={channel}
            engine={engine}
            selected={selected === channel.id}
            audible={isAudible(channel, channels)}
          />
        ))}
      </ul>
      <div
        ref={scroller}
        tabIndex={0}
        role="group"
        aria-label={t("timeline")}
        className="relative min-w-0 flex-1 overflow-x-auto overscroll-x-contain focus-visible:outline-offset-[-2px]"
      >
        <div className="relative" style={{ width: shown * scale }}>
          <Ruler beat={beat} scale={scale} length={shown} onSeek={seek} />
          {channels.map((channel) => (
            <div
              key={channel.id}
              onPointerDown={(event) => {
                if (event.target !== event.currentTarget) return;
                select(channel.id);
                seek(event);
              }}
              className={`relative border-b border-line transition-opacity ${isAudible(channel, channels) ? "" : "opacity-35"} ${selected === channel.id ? "bg-surface" : ""}`}
              style={{ height: LANE_HEIGHT, backgroundImage: gridLines(beat * 4 * scale) }}
            >
              {channel.clips.map((clip) => (
                <ClipView
                  key={clip.id}
                  clip={clip}
                  channel={channel}
                  peaks={peaks[sourceKey(channel)]}
                  colour={stemVariable(channel.stem || "other")}
                  scale={scale}
                  step={step}
                />
              ))}
            </div>
          ))}
          <div ref={head} aria-hidden className="pointer-events-none absolute inset-y-0 left-0 z-10 w-px bg-coral">
            <div className="absolute -left-[5px] top-0 size-[11px] rounded-full bg-coral" />
          </div>
        </div>
      </div>
    </div>
  );
}

/** Faint lines at every bar. */
function gridLines(barPixels: number): string | undefined {
  if (barPixels < 12) return undefined;
  return `repeating-linear-gradient(to right, var(--line) 0 1px, transparent 1px ${barPixels}px)`;
}
