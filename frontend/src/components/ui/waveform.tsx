"use client";

import { useEffect, useRef } from "react";
import { useTranslations } from "use-intl";
import { resamplePeaks } from "@/lib/audio/peaks";
import { clock } from "@/lib/format";

export type WaveformLayer = { colour: string; peaks: Float32Array };

type WaveformProps = {
  /** One peak (0…1) for each equal part of what is there; null while nothing is known. */
  peaks: Float32Array | null;
  /** Which part of the whole the peaks cover, 0…1: below 1 while a take is being made. */
  made?: number;
  /** The stems' peaks, bottom first: each bar is coloured by what sounds in it. */
  layers?: WaveformLayer[];
  /** Where the playing is, 0…1. */
  position: number;
  /** Reads the position finer than React draws; used while `moving`. */
  readPosition?: () => number;
  moving?: boolean;
  duration: number;
  onSeek?: (seconds: number) => void;
  label: string;
  barWidth?: number;
  gap?: number;
  className?: string;
};

type Palette = { wave: string; amber: string; coral: string; line: string; layers: string[] };

function readPalette(element: Element, layers: WaveformLayer[] | undefined): Palette {
  const style = getComputedStyle(element);
  const token = (name: string) => style.getPropertyValue(name).trim();
  const layerColours = (layers ?? []).map(({ colour }) => token(colour.replace(/^var\(|\)$/g, "")));
  return {
    wave: token("--wave"),
    amber: token("--amber"),
    coral: token("--coral"),
    line: token("--line-strong"),
    layers: layerColours,
  };
}

const NOTHING = new Float32Array(0);

/** The heights that the canvas shows, and what they were computed from. */
type Bars = {
  of: Float32Array | null;
  layers: WaveformLayer[] | undefined;
  filled: number;
  count: number;
  mix: Float32Array;
  stacks: Float32Array[];
};

/** What the picture depends on; other changes need no drawing. */
const PICTURED = ["peaks", "made", "layers", "position", "moving", "barWidth", "gap"] as const;

/** How high each bar stands: quiet music must still be seen. */
const visible = (peak: number) => Math.min(1, Math.pow(peak, 0.75) * 1.04);

/**
 * The picture of a sound: bars on a canvas that grow while it is made, warm where it was heard already. With `onSeek` it is a slider.
 */
export function Waveform(props: WaveformProps) {
  const { duration, onSeek, label, className = "h-14", position } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const state = useRef(props);
  const t = useTranslations("player");
  const kick = useRef<() => void>(() => undefined);

  useEffect(() => {
    const before = state.current;
    state.current = props;
    if (PICTURED.some((name) => before[name] !== props[name])) kick.current();
  });

  useEffect(() => {
    const element = canvas.current!;
    const context = element.getContext("2d")!;
    const still = matchMedia("(prefers-reduced-motion: reduce)");
    let heights = new Float32Array(0);
    let palette = readPalette(element, state.current.layers);
    let layerCount = -1;
    let bars: Bars = { of: null, layers: undefined, filled: 0, count: 0, mix: NOTHING, stacks: [] };
    let frame = 0;
    let width = 0;
    let height = 0;

    const draw = () => {
      frame = 0;
      const { peaks, made = 1, layers, barWidth = 3, gap = 2, readPosition, moving, position: shown } = state.current;
      if (layerCount !== (layers?.length ?? 0)) {
        layerCount = layers?.length ?? 0;
        palette = readPalette(element, layers);
      }
      const step = barWidth + gap;
      const count = Math.max(1, Math.floor((width + gap) / step));
      if (heights.length !== count) heights = new Float32Array(count);
      const filled = Math.min(count, Math.round(count * made));
      if (bars.of !== peaks || bars.filled !== filled || bars.count !== count || bars.layers !== layers)
        bars = {
          of: peaks,
          layers,
          filled,
          count,
          mix: peaks?.length ? resamplePeaks(peaks, filled) : NOTHING,
          stacks: (layers ?? []).map((layer) => resamplePeaks(layer.peaks, count)),
        };
      const { mix, stacks } = bars;
      const at = Math.min(1, Math.max(0, (moving && readPosition ? readPosition() : shown) || 0)) * width;
      const gradient = context.createLinearGradient(0, 0, width, 0);
      gradient.addColorStop(0, palette.amber);
      gradient.addColorStop(1, palette.coral);
      context.clearRect(0, 0, width, height);
      const middle = height / 2;
      let unsettled = false;
      for (let bar = 0; bar < count; bar += 1) {
        const target = bar < mix.length ? Math.max(0.05, visible(mix[bar]!)) : 0;
        const before = heights[bar]!;
        const now = still.matches ? target : before + (target - before) * 0.22;
        heights[bar] = Math.abs(target - now) < 0.004 ? target : now;
        if (heights[bar] !== target) unsettled = true;
        const x = bar * step;
        const heard = x + barWidth / 2 <= at;
        if (heights[bar]! <= 0.02) {
          context.fillStyle = palette.line;
          context.globalAlpha = 0.7;
          context.fillRect(x, middle - 1, barWidth, 2);
          context.globalAlpha = 1;
          continue;
        }
        const size = Math.max(barWidth, heights[bar]! * height);
        const fresh = made < 1 && bar > mix.length - 6;
        if (stacks.length) {
          // What was not heard yet waits, dimmed; before the first sound all of it shines.
          context.globalAlpha = heard || at <= 0 ? 1 : 0.38;
          drawStack(context, stacks, palette.layers, bar, x, barWidth, middle, size);
          context.globalAlpha = 1;
        } else {
          context.fillStyle = heard || fresh ? gradient : palette.wave;
          roundBar(context, x, middle - size / 2, barWidth, size);
        }
      }
      if (unsettled || moving) request();
    };
    const request = () => {
      if (!frame) frame = requestAnimationFrame(draw);
    };
    kick.current = request;

    const resize = () => {
      const ratio = Math.min(3, devicePixelRatio || 1);
      width = element.clientWidth;
      height = element.clientHeight;
      element.width = Math.round(width * ratio);
      element.height = Math.round(height * ratio);
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      draw();
    };
    const sizes = new ResizeObserver(resize);
    sizes.observe(element);
    const themes = new MutationObserver(() => {
      layerCount = -1;
      request();
    });
    themes.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    return () => {
      sizes.disconnect();
      themes.disconnect();
      cancelAnimationFrame(frame);
    };
  }, []);

  return (
    <div
      className={`relative rounded-md has-focus-visible:outline-2 has-focus-visible:outline-offset-4 has-focus-visible:outline-accent ${className}`}
    >
      <canvas ref={canvas} aria-hidden className="absolute inset-0 size-full" />
      {onSeek && (
        <input
          type="range"
          min={0}
          max={Math.max(1, duration)}
          step={0.1}
          value={Math.min(duration, position * duration) || 0}
          onChange={(event) => onSeek(Number(event.target.value))}
          aria-label={label}
          aria-valuetext={t("timeOf", { time: clock(position * duration), duration: clock(duration) })}
          className="absolute inset-0 m-0 size-full cursor-pointer opacity-0"
        />
      )}
    </div>
  );
}

function roundBar(context: CanvasRenderingContext2D, x: number, y: number, width: number, height: number): void {
  context.beginPath();
  context.roundRect(x, y, width, height, width / 2);
  context.fill();
}

/** One bar as a stack: every stem takes the share of the height that it has of the sound. */
function drawStack(
  context: CanvasRenderingContext2D,
  stacks: Float32Array[],
  colours: string[],
  bar: number,
  x: number,
  width: number,
  middle: number,
  size: number,
): void {
  let total = 0;
  for (const stack of stacks) total += stack[bar]!;
  if (!total) return;
  context.save();
  context.beginPath();
  context.roundRect(x, middle - size / 2, width, size, width / 2);
  context.clip();
  let y = middle + size / 2;
  for (let stem = 0; stem < stacks.length; stem += 1) {
    const part = (stacks[stem]![bar]! / total) * size;
    context.fillStyle = colours[stem]!;
    context.fillRect(x, y - part, width, part + 0.5);
    y -= part;
  }
  context.restore();
}
