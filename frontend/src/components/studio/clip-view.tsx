"use client";

import { Repeat } from "lucide-react";
import { useEffect, useRef, useState, type KeyboardEvent, type PointerEvent } from "react";
import { useTranslations } from "use-intl";
import { inView, LANE_HEIGHT, type View } from "./rows";
import { PEAKS_PER_SECOND } from "./use-multitrack";
import { loopedClip, movedClip, plainClip, roundedClip, sourcePlace, trimmedClip } from "@/lib/audio/edits";
import { fadeGain, type Channel, type Clip } from "@/lib/audio/session";
import { decimal, timecode } from "@/lib/format";
import { editClip, removeClip, repeatClip, useStudio } from "@/stores/studio";
import { useStripName } from "./strip";

type Grip = "body" | "left" | "right" | "loop" | "round" | "fadeIn" | "fadeOut";

const PADDING = 6;
const FREE_STEP_SECONDS = 0.1;
const FADE_STEP_SECONDS = 0.1;

/**
 * A piece of sound on its lane: drag it, pull its edges and its fades; the lower half of its right edge makes it come
 * again. Keys do the same: arrows move, with Shift and Alt they trim, L loops, [ and ] set how long a round is.
 */
export function ClipView({
  clip,
  sounding,
  channel,
  peaks,
  colour,
  scale,
  step,
  view,
}: {
  clip: Clip;
  /** The clip with the fades that its neighbours give it. */
  sounding: Clip;
  channel: Channel;
  peaks: Float32Array | undefined;
  colour: string;
  scale: number;
  step: number;
  view: View;
}) {
  const t = useTranslations("studio");
  const nameOf = useStripName();
  const select = useStudio((studio) => studio.select);
  const [held, setHeld] = useState<Clip | null>(null);
  const from = useRef({ x: 0, grip: "body" as Grip });
  const now = held ?? clip;

  const pulled = (grip: Grip, by: number): Clip => {
    if (grip === "body") return movedClip(clip, by, step);
    if (grip === "left" || grip === "right") return trimmedClip(clip, grip, by, step, channel.sourceLength);
    if (grip === "loop") return loopedClip(clip, by, step);
    if (grip === "round") return roundedClip(clip, by, step, channel.sourceLength);
    const side = clip[grip];
    const other = clip[grip === "fadeIn" ? "fadeOut" : "fadeIn"].seconds;
    const seconds = Math.min(clip.length - other, Math.max(0, side.seconds + (grip === "fadeIn" ? by : -by)));
    return { ...clip, [grip]: { ...side, seconds } };
  };
  const take = (grip: Grip) => (event: PointerEvent<HTMLElement>) => {
    if (event.button !== 0) return;
    event.stopPropagation();
    event.currentTarget.setPointerCapture(event.pointerId);
    from.current = { x: event.clientX, grip };
    select(channel.id);
    setHeld(clip);
  };
  const pull = (event: PointerEvent) =>
    held && setHeld(pulled(from.current.grip, (event.clientX - from.current.x) / scale));
  const letGo = () => {
    if (held && held !== clip) editClip(channel.id, clip.id, `drag${Date.now()}`, held);
    setHeld(null);
  };
  const hold = (grip: Grip) => ({
    onPointerDown: take(grip),
    onPointerMove: pull,
    onPointerUp: letGo,
    onPointerCancel: () => setHeld(null),
  });
  const onKey = (event: KeyboardEvent) => {
    if (event.target !== event.currentTarget) return;
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "d") {
      event.preventDefault();
      repeatClip(channel.id, clip.id);
    } else if (by) {
      event.preventDefault();
      const seconds = by * (step || FREE_STEP_SECONDS);
      editClip(channel.id, clip.id, "key", pulled(event.shiftKey ? "right" : event.altKey ? "left" : "body", seconds));
    } else if (!event.metaKey && !event.ctrlKey && event.key.toLowerCase() === "l") {
      event.preventDefault();
      // Once more around; with Shift it is a plain clip again.
      const around = clip.loop ?? clip.length;
      const change = event.shiftKey ? plainClip(clip) : loopedClip(clip, around, 0);
      editClip(channel.id, clip.id, "loop", change);
    } else if (event.key === "[" || event.key === "]") {
      event.preventDefault();
      const seconds = (event.key === "[" ? -1 : 1) * (step || FREE_STEP_SECONDS);
      editClip(channel.id, clip.id, "round", pulled("round", seconds));
    } else if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      // The focus goes on to a neighbour, not to the top of the page.
      const timeline = event.currentTarget.closest<HTMLElement>("[data-timeline]");
      const clipsOf = () => [...(timeline?.querySelectorAll<HTMLElement>("[data-clip]") ?? [])];
      const at = clipsOf().indexOf(event.currentTarget as HTMLElement);
      removeClip(channel.id, clip.id);
      requestAnimationFrame(() => (clipsOf()[at] ?? clipsOf()[at - 1] ?? timeline)?.focus());
    }
  };
  const onFadeKey = (event: KeyboardEvent, side: "fadeIn" | "fadeOut") => {
    // Right is later: a fade at the end becomes shorter by it.
    const none = side === "fadeIn" ? -Infinity : Infinity;
    const by = { ArrowLeft: -1, ArrowRight: 1, Delete: none, Backspace: none }[event.key];
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    editClip(channel.id, clip.id, side, pulled(side, by * FADE_STEP_SECONDS));
  };

  const edge = "absolute inset-y-0 w-2.5 cursor-ew-resize touch-none";
  const knob =
    "absolute top-0.5 size-3 -translate-x-1/2 cursor-ew-resize touch-none rounded-full border-2 border-ground bg-ink opacity-0 transition-opacity group-hover:opacity-100 group-focus-within:opacity-100";
  return (
    <div
      data-clip
      tabIndex={0}
      role="group"
      aria-roledescription={t("clip")}
      aria-label={t(now.loop ? "loopLabel" : "clipLabel", {
        name: nameOf(channel),
        start: timecode(now.start),
        length: timecode(now.length),
        round: timecode(now.loop ?? now.length),
      })}
      aria-keyshortcuts="L Shift+L [ ] Control+D Delete"
      onKeyDown={onKey}
      onFocus={() => select(channel.id)}
      className="group absolute overflow-hidden rounded-md focus-visible:outline-offset-0"
      style={{
        left: now.start * scale,
        width: Math.max(4, now.length * scale),
        top: 4,
        height: LANE_HEIGHT - 9,
        background: `color-mix(in oklab, ${colour} 20%, var(--surface))`,
        boxShadow: `inset 0 0 0 1px color-mix(in oklab, ${colour} 45%, transparent)`,
      }}
    >
      <ClipPicture clip={held ?? sounding} peaks={peaks} colour={colour} scale={scale} view={view} />
      <div className="absolute inset-0 cursor-grab touch-none active:cursor-grabbing" {...hold("body")} />
      <div className={`${edge} left-0`} {...hold("left")} />
      <div className={`${edge} right-0`} {...hold(clip.loop ? "loop" : "right")} />
      <div
        data-loop-edge
        title={t("loopEdge")}
        className="absolute bottom-0 right-0 grid size-5 cursor-alias touch-none place-items-center rounded-tl-md bg-surface/80 text-muted opacity-0 transition-opacity group-focus-within:opacity-100 group-hover:opacity-100"
        {...hold("loop")}
      >
        <Repeat size={12} aria-hidden />
      </div>
      {rounds(now).map((at) => (
        <div
          key={at}
          aria-hidden
          className="pointer-events-none absolute inset-y-0 w-px"
          style={{ left: at * scale, background: `color-mix(in oklab, ${colour} 70%, transparent)` }}
        />
      ))}
      {(["fadeIn", "fadeOut"] as const).map((side) => (
        <div
          key={side}
          role="slider"
          tabIndex={0}
          aria-label={t(side)}
          aria-valuemin={0}
          aria-valuemax={now.length}
          aria-valuenow={now[side].seconds}
          aria-valuetext={`${decimal(now[side].seconds.toFixed(2))} s`}
          className={knob}
          title={t(side)}
          style={{
            left:
              side === "fadeIn"
                ? Math.max(8, now.fadeIn.seconds * scale)
                : Math.min(now.length * scale - 8, (now.length - now.fadeOut.seconds) * scale),
          }}
          onKeyDown={(event) => onFadeKey(event, side)}
          {...hold(side)}
        />
      ))}
    </div>
  );
}

/** The most marks that are drawn into a clip. */
const MOST_ROUNDS = 500;

/** Where the rounds of a loop begin anew, in seconds of the clip. */
function rounds({ loop, length }: Clip): number[] {
  const count = loop ? Math.ceil(length / loop - 1e-6) - 1 : 0;
  return count > MOST_ROUNDS ? [] : Array.from({ length: Math.max(0, count) }, (_, at) => (at + 1) * loop!);
}

/** The part of a clip's waveform that is in view, with the fades that it sounds with. */
function ClipPicture({
  clip,
  peaks,
  colour,
  scale,
  view,
}: {
  clip: Clip;
  peaks: Float32Array | undefined;
  colour: string;
  scale: number;
  view: View;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const height = LANE_HEIGHT - 9;
  const { offset, length, loop, fadeIn, fadeOut } = clip;
  const seen = inView(clip.start * scale, Math.max(4, Math.round(length * scale)), view);
  const [left, width] = seen ? [seen.from, seen.to - seen.from] : [0, 0];
  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    const ratio = Math.min(2, devicePixelRatio || 1);
    element.width = width * ratio;
    element.height = height * ratio;
    const context = element.getContext("2d")!;
    context.scale(ratio, ratio);
    const draw = () => {
      context.clearRect(0, 0, width, height);
      if (!peaks) return;
      context.fillStyle = getComputedStyle(element).color;
      const middle = height / 2;
      for (let x = 0; x < width; x += 1) {
        const at = (left + x) / scale;
        if (at > length) break;
        const place = sourcePlace({ offset, loop }, at);
        const first = Math.floor(place * PEAKS_PER_SECOND);
        const last = Math.max(first + 1, Math.floor((place + 1 / scale) * PEAKS_PER_SECOND));
        let loudest = 0;
        for (let peak = first; peak < last && peak < peaks.length; peak += 1) loudest = Math.max(loudest, peaks[peak]!);
        const rising = fadeIn.seconds > 0 ? fadeGain(at / fadeIn.seconds, fadeIn.curve) : 1;
        const falling = fadeOut.seconds > 0 ? fadeGain((length - at) / fadeOut.seconds, fadeOut.curve) : 1;
        const size = Math.max(1, loudest ** 0.7 * rising * falling * (height - 2 * PADDING));
        context.fillRect(x, middle - size / 2, 1, size);
      }
    };
    draw();
    const themes = new MutationObserver(draw);
    themes.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    return () => themes.disconnect();
  }, [peaks, offset, length, loop, fadeIn, fadeOut, left, width, height, scale, colour]);
  return (
    <canvas ref={canvas} aria-hidden className="absolute inset-y-0 h-full" style={{ color: colour, left, width }} />
  );
}
