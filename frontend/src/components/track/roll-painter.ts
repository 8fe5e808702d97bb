import type { MidiPart, MidiSong } from "@/lib/midi";
import { isBlackKey, notesBetween, pitchName, pitchRange } from "@/lib/piano-roll";

type Scene = {
  song: MidiSong;
  parts: readonly MidiPart[];
  /** A part's colour, as a CSS variable. */
  colourOf: (name: string) => string;
  /** What a section is called on this page. */
  sectionName: (text: string) => string;
  /** Pixels for a second. */
  scale: number;
  width: number;
  scroll: number;
};

const MARKER_HEIGHT = 20;
const CLOSEST_BAR_PIXELS = 28;
const QUIETEST_OPACITY = 0.45;

/** Draws the part of a piano roll that is in view: only those notes, once a frame at most. */
export class RollPainter {
  private readonly context: CanvasRenderingContext2D;
  private readonly themes: MutationObserver;
  private scene: Scene | null = null;
  private longest = new Map<MidiPart, number>();
  private time = 0;
  private frame = 0;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly height: number,
  ) {
    this.context = canvas.getContext("2d")!;
    this.themes = new MutationObserver(() => this.ask());
    this.themes.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  }

  show(scene: Scene): void {
    this.scene = scene;
    this.longest = new Map(
      scene.parts.map((part) => [part, part.notes.reduce((most, { seconds }) => Math.max(most, seconds), 0)]),
    );
    const ratio = Math.min(2, devicePixelRatio || 1);
    this.canvas.width = Math.round(scene.width * ratio);
    this.canvas.height = Math.round(this.height * ratio);
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.ask();
  }

  scrollTo(scroll: number): void {
    if (!this.scene) return;
    this.scene.scroll = scroll;
    this.ask();
  }

  moveTo(seconds: number): void {
    this.time = seconds;
    this.ask();
  }

  close(): void {
    this.themes.disconnect();
    cancelAnimationFrame(this.frame);
  }

  private ask(): void {
    if (!this.frame) this.frame = requestAnimationFrame(() => this.draw());
  }

  private draw(): void {
    this.frame = 0;
    if (!this.scene) return;
    const { context, height } = this;
    const { song, parts, colourOf, sectionName, scale, width, scroll } = this.scene;
    const style = getComputedStyle(this.canvas);
    const token = (name: string) => style.getPropertyValue(name.replace(/^var\(|\)$/g, "")).trim();
    const [low, high] = pitchRange(song.parts);
    const row = (height - MARKER_HEIGHT) / (high - low + 1);
    const top = (pitch: number) => MARKER_HEIGHT + (high - pitch) * row;
    const [from, to] = [scroll / scale, (scroll + width) / scale];

    context.clearRect(0, 0, width, height);
    context.fillStyle = token("--sunken");
    context.globalAlpha = 0.55;
    for (let pitch = low; pitch <= high; pitch += 1) if (isBlackKey(pitch)) context.fillRect(0, top(pitch), width, row);
    context.font = `11px ${style.fontFamily}`;
    context.textBaseline = "middle";
    const every = Math.max(
      1,
      2 ** Math.ceil(Math.log2((CLOSEST_BAR_PIXELS * song.bars.length) / (song.seconds * scale || 1))),
    );
    context.globalAlpha = 1;
    context.fillStyle = token("--line");
    song.bars.forEach((time, bar) => {
      if (bar % every === 0 && time >= from && time <= to)
        context.fillRect(Math.round(time * scale - scroll), MARKER_HEIGHT, 1, height);
    });
    for (const part of parts) {
      context.fillStyle = token(colourOf(part.name));
      for (const note of notesBetween(part.notes, from, to, this.longest.get(part) ?? 0)) {
        const sounding = note.start <= this.time && this.time < note.start + note.seconds;
        context.globalAlpha = sounding ? 1 : QUIETEST_OPACITY + (0.85 - QUIETEST_OPACITY) * (note.velocity / 127);
        const length = part.drums ? Math.min(note.seconds, 0.08) : note.seconds;
        const x = note.start * scale - scroll;
        context.beginPath();
        context.roundRect(x, top(note.pitch) + 0.5, Math.max(2, length * scale - 1), Math.max(1.5, row - 1), 2);
        context.fill();
      }
    }
    context.globalAlpha = 1;
    context.fillStyle = token("--surface");
    context.fillRect(0, 0, width, MARKER_HEIGHT);
    context.fillStyle = token("--muted");
    for (const { time, text } of song.markers)
      context.fillText(sectionName(text), time * scale - scroll + 4, MARKER_HEIGHT / 2);
    context.fillStyle = token("--faint");
    for (let pitch = low; pitch <= high; pitch += 1)
      if (pitch % 12 === 0) context.fillText(pitchName(pitch), 4, top(pitch) + row / 2);
    context.fillStyle = token("--coral");
    context.fillRect(Math.round(this.time * scale - scroll), 0, 2, height);
  }
}
