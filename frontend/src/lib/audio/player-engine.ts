/** What the engine tells whoever listens. */
export type EngineEvents = {
  time: (seconds: number) => void;
  playing: (playing: boolean) => void;
  waiting: (waiting: boolean) => void;
  failed: () => void;
  ended: () => void;
};

/**
 * One audio element for the whole visit, so that music goes on while pages change.
 *
 * Its sound runs through Web Audio, where an analyser reads it for the meters. A take that is still being made plays from the
 * live stream; when it is finished, its file lies ready (`settle`) and takes over at the next jump, or where the stream broke.
 */
export class PlayerEngine {
  private element: HTMLAudioElement | null = null;
  private context: AudioContext | null = null;
  private analyserNode: AnalyserNode | null = null;
  private events: EngineEvents | null = null;
  private volume = 0.9;
  private expected = 0;
  private file: string | null = null;
  private resumeAt: number | null = null;
  private wanted = false;

  listen(events: EngineEvents): void {
    this.events = events;
  }

  /** The analyser of what is heard; null before the first sound. */
  get analyser(): AnalyserNode | null {
    return this.analyserNode;
  }

  /** Seconds into what is on, read off the element: finer than its time events. */
  get time(): number {
    return this.element?.currentTime ?? 0;
  }

  load(src: string, expectedSeconds: number): void {
    const element = this.audio();
    this.expected = expectedSeconds;
    this.file = null;
    this.resumeAt = null;
    element.src = src;
    element.volume = this.volume;
    this.events?.time(0);
  }

  play(): void {
    this.wanted = true;
    this.connect();
    void this.context?.resume();
    this.audio()
      .play()
      .catch((failure: unknown) => {
        // A newer load interrupts an older play; a browser may want a click first. Neither is a failure of the sound.
        const name = failure instanceof DOMException ? failure.name : "";
        if (name !== "AbortError") this.events?.playing(false);
      });
  }

  pause(): void {
    this.wanted = false;
    this.element?.pause();
  }

  stop(): void {
    this.pause();
    this.file = null;
    this.resumeAt = null;
    if (!this.element?.getAttribute("src")) return;
    this.element.removeAttribute("src");
    // Without this the element goes on fetching what nobody hears.
    this.element.load();
  }

  seek(seconds: number): void {
    if (this.file) this.switchToFile(seconds);
    else this.audio().currentTime = seconds;
    this.events?.time(seconds);
  }

  setVolume(volume: number): void {
    this.volume = volume;
    if (this.element) this.element.volume = volume;
  }

  /** The file of the take that is on is ready. */
  settle(file: string, seconds: number): void {
    this.expected = seconds;
    this.file = file;
    if (this.element?.error) this.switchToFile(this.element.currentTime);
  }

  private switchToFile(at: number): void {
    const element = this.audio();
    element.src = this.file!;
    this.file = null;
    this.resumeAt = at;
    if (this.wanted) this.play();
  }

  private audio(): HTMLAudioElement {
    if (this.element) return this.element;
    const element = new Audio();
    element.preload = "auto";
    element.volume = this.volume;
    element.addEventListener("timeupdate", () => this.events?.time(element.currentTime));
    element.addEventListener("play", () => this.events?.playing(true));
    element.addEventListener("playing", () => this.events?.waiting(false));
    element.addEventListener("pause", () => this.events?.playing(false));
    element.addEventListener("waiting", () => this.events?.waiting(true));
    element.addEventListener("loadedmetadata", () => {
      if (this.resumeAt !== null) element.currentTime = this.resumeAt;
      this.resumeAt = null;
    });
    element.addEventListener("ended", () => this.onEnded(element));
    element.addEventListener("error", () => {
      if (!element.getAttribute("src")) return;
      if (this.file) this.switchToFile(element.currentTime);
      else this.events?.failed();
    });
    this.element = element;
    return element;
  }

  private onEnded(element: HTMLAudioElement): void {
    // A stream that broke off looks like an end: go on in the file where there is one.
    if (this.file && element.currentTime < this.expected - 1) this.switchToFile(element.currentTime);
    else this.events?.ended();
  }

  private connect(): void {
    if (this.context || typeof AudioContext === "undefined") return;
    this.context = new AudioContext();
    this.analyserNode = this.context.createAnalyser();
    this.analyserNode.fftSize = 1024;
    this.analyserNode.smoothingTimeConstant = 0.75;
    this.context.createMediaElementSource(this.audio()).connect(this.analyserNode);
    this.analyserNode.connect(this.context.destination);
  }
}

/** The one player of the page. */
export const engine = new PlayerEngine();
