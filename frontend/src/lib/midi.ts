/** Standard MIDI files (SMF 1.0, formats 0 and 1) as notes in seconds. */
export type MidiNote = { start: number; seconds: number; pitch: number; velocity: number };
export type MidiPart = { name: string; drums: boolean; notes: MidiNote[] };
export type MidiSong = {
  /** Those that have notes, in the file's order. */
  parts: MidiPart[];
  /** Where each bar begins, in seconds. */
  bars: number[];
  /** Names at times: sections of the song. */
  markers: { time: number; text: string }[];
  seconds: number;
};

/** A file that is no MIDI, or that ends in the middle. */
export class MidiError extends Error {}

type Event = { tick: number; order: number } & (
  | { kind: "on" | "off"; channel: number; pitch: number; velocity: number }
  | { kind: "tempo"; secondsPerBeat: number }
  | { kind: "meter"; beats: number; unit: number }
  | { kind: "name"; text: string }
  | { kind: "marker"; text: string }
  | { kind: "end" }
);

const DRUM_CHANNEL = 9;
const STANDARD_SECONDS_PER_BEAT = 0.5;
const MOST_BARS = 20_000;

/** Reads bytes one after another. */
class Reader {
  private at = 0;
  constructor(
    private readonly bytes: Uint8Array,
    private readonly end = bytes.length,
  ) {}

  get done(): boolean {
    return this.at >= this.end;
  }

  byte(): number {
    if (this.done) throw new MidiError("the file ends in the middle");
    return this.bytes[this.at++]!;
  }

  peek(): number {
    return this.done ? -1 : this.bytes[this.at]!;
  }

  number(size: number): number {
    let value = 0;
    for (let count = 0; count < size; count += 1) value = value * 256 + this.byte();
    return value;
  }

  /** A quantity of variable length: seven bits a byte, four bytes at most. */
  quantity(): number {
    let value = 0;
    for (let count = 0; count < 4; count += 1) {
      const byte = this.byte();
      value = (value << 7) | (byte & 0x7f);
      if (byte < 0x80) return value;
    }
    throw new MidiError("a length has no end");
  }

  take(size: number): Uint8Array {
    if (this.at + size > this.end) throw new MidiError("the file ends in the middle");
    this.at += size;
    return this.bytes.subarray(this.at - size, this.at);
  }
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes).replaceAll("\0", "").trim();
}

function metaEvent(type: number, data: Uint8Array, tick: number, order: number): Event | null {
  if (type === 0x51 && data.length === 3)
    return { kind: "tempo", tick, order, secondsPerBeat: ((data[0]! << 16) | (data[1]! << 8) | data[2]!) / 1e6 };
  if (type === 0x58 && data.length >= 2) return { kind: "meter", tick, order, beats: data[0]!, unit: 2 ** data[1]! };
  if (type === 0x03) return { kind: "name", tick, order, text: text(data) };
  if (type === 0x06) return { kind: "marker", tick, order, text: text(data) };
  if (type === 0x2f) return { kind: "end", tick, order };
  return null;
}

function trackEvents(reader: Reader): Event[] {
  const events: Event[] = [];
  let [tick, status] = [0, 0];
  while (!reader.done) {
    tick += reader.quantity();
    const order = events.length;
    if (reader.peek() >= 0x80) status = reader.byte();
    if (status === 0xff) {
      const type = reader.byte();
      const event = metaEvent(type, reader.take(reader.quantity()), tick, order);
      if (event) events.push(event);
      if (event?.kind === "end") break;
      // Neither of these keeps the running status.
      status = 0;
    } else if (status === 0xf0 || status === 0xf7) {
      reader.take(reader.quantity());
      status = 0;
    } else if (status >= 0x80 && status < 0xf0) {
      const pitch = reader.byte() & 0x7f;
      const kind = status & 0xf0;
      const velocity = kind === 0xc0 || kind === 0xd0 ? 0 : reader.byte() & 0x7f;
      const channel = status & 0x0f;
      if (kind === 0x90 && velocity > 0) events.push({ kind: "on", tick, order, channel, pitch, velocity });
      else if (kind === 0x80 || kind === 0x90) events.push({ kind: "off", tick, order, channel, pitch, velocity });
    } else throw new MidiError("an event without a status");
  }
  return events;
}

/** Turns ticks into seconds, through every change of tempo. */
function clockOf(tempos: { tick: number; secondsPerBeat: number }[], ticksPerBeat: number): (tick: number) => number {
  const steps = [{ tick: 0, time: 0, secondsPerBeat: STANDARD_SECONDS_PER_BEAT }];
  for (const { tick, secondsPerBeat } of [...tempos].sort((a, b) => a.tick - b.tick)) {
    const last = steps.at(-1)!;
    const time = last.time + ((tick - last.tick) / ticksPerBeat) * last.secondsPerBeat;
    steps.push({ tick, time, secondsPerBeat });
  }
  return (tick) => {
    const step = steps.findLast((known) => known.tick <= tick) ?? steps[0]!;
    return step.time + ((tick - step.tick) / ticksPerBeat) * step.secondsPerBeat;
  };
}

function notesOf(events: readonly Event[], clock: (tick: number) => number): MidiNote[] {
  const notes: MidiNote[] = [];
  const sounding = new Map<number, { tick: number; velocity: number }[]>();
  const last = events.reduce((tick, event) => Math.max(tick, event.tick), 0);
  const close = (key: number, pitch: number, tick: number) => {
    const begun = sounding.get(key)?.shift();
    if (!begun) return;
    const start = clock(begun.tick);
    notes.push({ start, seconds: Math.max(0, clock(tick) - start), pitch, velocity: begun.velocity });
  };
  for (const event of events) {
    if (event.kind !== "on" && event.kind !== "off") continue;
    const key = event.channel * 128 + event.pitch;
    if (event.kind === "off") close(key, event.pitch, event.tick);
    else sounding.set(key, [...(sounding.get(key) ?? []), { tick: event.tick, velocity: event.velocity }]);
  }
  // What nobody ended sounds to the end.
  for (const [key, open] of sounding) while (open.length) close(key, key % 128, last);
  return notes.sort((a, b) => a.start - b.start || a.pitch - b.pitch);
}

function barsOf(
  meters: { tick: number; beats: number; unit: number }[],
  ticksPerBeat: number,
  end: number,
  clock: (tick: number) => number,
): number[] {
  const changes = [...meters].sort((a, b) => a.tick - b.tick);
  const bars: number[] = [];
  let meter = { beats: 4, unit: 4 };
  for (let tick = 0; tick < end && bars.length < MOST_BARS;) {
    meter = changes.findLast((change) => change.tick <= tick) ?? meter;
    bars.push(clock(tick));
    tick += Math.max(1, (ticksPerBeat * 4 * meter.beats) / meter.unit);
  }
  return bars;
}

/** Read a file. Throws `MidiError` for what is none; tracks of a file in format 0 are told apart by channel. */
export function readMidi(bytes: Uint8Array): MidiSong {
  const file = new Reader(bytes);
  if (text(file.take(Math.min(4, bytes.length))) !== "MThd") throw new MidiError("this is no MIDI file");
  const header = new Reader(file.take(file.number(4)));
  const format = header.number(2);
  header.number(2);
  const ticksPerBeat = header.number(2);
  if (format > 1) throw new MidiError("songs of several patterns are not shown");
  if (ticksPerBeat === 0 || ticksPerBeat >= 0x8000) throw new MidiError("only musical time is shown");
  const tracks: Event[][] = [];
  while (!file.done) {
    const type = text(file.take(4));
    const body = file.take(file.number(4));
    if (type === "MTrk") tracks.push(trackEvents(new Reader(body)));
  }
  const all = tracks.flat();
  const clock = clockOf(
    all.filter((event) => event.kind === "tempo"),
    ticksPerBeat,
  );
  const split = format === 0 ? byChannel(tracks[0] ?? []) : tracks;
  const parts = split.flatMap((events, at) => {
    const notes = notesOf(events, clock);
    if (!notes.length) return [];
    const named = events.find((event) => event.kind === "name");
    const first = events.find((event) => event.kind === "on");
    const name = named?.kind === "name" ? named.text : "";
    return [{ name: name || String(at + 1), drums: first?.kind === "on" && first.channel === DRUM_CHANNEL, notes }];
  });
  const end = all.reduce((tick, event) => Math.max(tick, event.tick), 0);
  return {
    parts,
    bars: barsOf(
      all.filter((event) => event.kind === "meter"),
      ticksPerBeat,
      end,
      clock,
    ),
    markers: all
      .filter((event) => event.kind === "marker")
      .map(({ tick, text: name }) => ({ time: clock(tick), text: name }))
      .sort((a, b) => a.time - b.time),
    seconds: clock(end),
  };
}

function byChannel(events: readonly Event[]): Event[][] {
  const channels = new Map<number, Event[]>();
  for (const event of events)
    if (event.kind === "on" || event.kind === "off")
      (channels.get(event.channel) ?? channels.set(event.channel, []).get(event.channel)!).push(event);
  return [...channels.values()];
}
