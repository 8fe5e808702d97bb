import { settled, type AutomationPoint, type Bezier, type Lane } from "./automation";
import { LONGEST_SONG, SHORTEST_CLIP } from "./edits";
import { mixTempo } from "./mix-request";
import { wiresOf, wouldCircle } from "./routing";
import {
  LOWEST_GAIN_DB,
  MASTER,
  PLAIN_MASTER,
  type Arrangement,
  type Bus,
  type Channel,
  type Clip,
  type ClipFade,
  type EffectSetting,
  type FadeCurve,
  type Send,
  type Strip,
} from "./session";

/** What a session may say and the studio cannot show: each is a name of the catalogue's `studio.unread`. */
export const UNREAD = [
  "tempo",
  "rate",
  "range",
  "tail",
  "stretch",
  "sources",
  "clipGain",
  "panLaw",
  "width",
  "soloSafe",
  "masterFade",
  "noCeiling",
] as const;
export type Unread = (typeof UNREAD)[number];

/** A session as the studio's arrangement, and what of it the arrangement leaves out. */
export type ReadSession = { arrangement: Arrangement; unread: Unread[] };

type Document = Readonly<Record<string, unknown>>;

const isDocument = (value: unknown): value is Document =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const documents = (value: unknown): Document[] => (Array.isArray(value) ? value.filter(isDocument) : []);
const number = (value: unknown, rest: number): number =>
  typeof value === "number" && Number.isFinite(value) ? value : rest;
const text = (value: unknown): string => (typeof value === "string" ? value : "");
const within = (value: number, low: number, high: number) => Math.min(high, Math.max(low, value));

/** The tracks that a session plays. */
export function sourcesOf(session: Document): string[] {
  const own = text(session.track_id);
  const named = documents(session.tracks).flatMap((track) => [
    text(track.track_id) || own,
    ...documents(track.clips).map((clip) => text(clip.track_id)),
  ]);
  return [...new Set(named)].filter(Boolean);
}

/**
 * The arrangement that a session describes: what `mixRequest` wrote comes back as it was. `lengthOf` knows how long a
 * track is. Null where the session is none that could be played: names twice, or sound that runs in a circle.
 */
export function readSession(
  session: Document,
  { lengthOf, title, bpm }: { lengthOf: (trackId: string) => number | undefined; title: string; bpm: number | null },
): ReadSession | null {
  const unread = new Set<Unread>();
  const note = (what: Unread, isSo: boolean) => isSo && unread.add(what);
  note("tempo", number(session.tempo, mixTempo(bpm) ?? 0) !== (mixTempo(bpm) ?? 0));
  note("rate", session.sample_rate != null);
  note("range", session.range != null);
  note("tail", session.tail != null);

  const strip = (document: Document, name: string): Strip & { sends: Send[] } => {
    note("panLaw", document.pan_law != null && document.pan_law !== "balance");
    note("width", number(document.width, 1) !== 1);
    const effects = effectsOf(document);
    const sends = sendsOf(document);
    const automation = lanesOf(document, effects, sends);
    note(
      "width",
      automation.some(({ target }) => target === "width"),
    );
    return {
      id: text(document.id),
      name: text(document.name) || name,
      gainDb: levelOf(document.gain_db),
      pan: within(number(document.pan, 0), -1, 1),
      effects,
      automation: automation.filter(({ target }) => target !== "width"),
      sends,
    };
  };
  const routed = (document: Document, name: string) => ({
    ...strip(document, name),
    mute: document.mute === true,
    solo: document.solo === true,
    output: text(document.output) || MASTER,
  });

  const channels = documents(session.tracks).map((document, at): Channel => {
    const id = text(document.id) || `track${at + 1}`;
    const written = documents(document.clips);
    const pieces = written.length ? written : [document];
    const sourceOf = (piece: Document) => {
      const trackId = text(piece.track_id) || text(document.track_id) || text(session.track_id);
      // A clip of another track does not inherit the stem of this one.
      const inherits = !text(piece.track_id) || piece.track_id === document.track_id;
      return { trackId, stem: text(piece.stem) || (inherits ? text(document.stem) : "") };
    };
    const { trackId, stem } = sourceOf(pieces[0]!);
    const isHere = (piece: Document) => sourceOf(piece).trackId === trackId && sourceOf(piece).stem === stem;
    const own = pieces.filter(isHere);
    note("sources", own.length < pieces.length);
    for (const piece of own) {
      note("stretch", number(piece.stretch, 1) !== 1 || number(piece.pitch_semitones, 0) !== 0);
      note("clipGain", piece !== document && number(piece.gain_db, 0) !== 0);
    }
    const said = own.map((piece) => number(piece.offset, 0) + number(piece.loop_length ?? piece.length, 0));
    const sourceLength = lengthOf(trackId) ?? Math.max(SHORTEST_CLIP, ...said);
    return {
      ...routed({ ...document, id }, stem || id),
      trackId,
      stem,
      sourceLength,
      crossfade: curveOf(document.crossfade),
      clips: own.map((piece, place) => clipOf(piece, `c${at + 1}.${place + 1}`, sourceLength)),
    };
  });
  const buses = documents(session.buses).map((document): Bus => {
    note("soloSafe", document.solo_safe === false);
    return routed(document, text(document.id));
  });
  const last = isDocument(session.master) ? session.master : {};
  note("masterFade", last.fade_in != null || last.fade_out != null);
  note("noCeiling", last.ceiling_dbtp === null);
  const { gainDb, pan, effects, automation } = strip(last, "");
  const ceilingDbtp = within(number(last.ceiling_dbtp, PLAIN_MASTER.ceilingDbtp), -24, 0);
  const master = { ...PLAIN_MASTER, gainDb, pan, effects, automation, ceilingDbtp };

  const arrangement = linked({ title: text(session.title) || title, channels, buses, master });
  return arrangement && { arrangement, unread: UNREAD.filter((what) => unread.has(what)) };
}

/** The arrangement with wires that lead somewhere; null where it could not be played. */
function linked({ channels, buses, ...rest }: Arrangement): Arrangement | null {
  const strips = [...channels, ...buses];
  const ids = new Set([MASTER, ...strips.map(({ id }) => id)]);
  if (!channels.length || ids.size !== strips.length + 1 || strips.some(({ id }) => !id)) return null;
  const open = new Set(buses.map(({ id }) => id));
  const joined = <Kind extends Channel | Bus>(strip: Kind): Kind => ({
    ...strip,
    output: open.has(strip.output) ? strip.output : MASTER,
    sends: strip.sends.filter(({ to }) => open.has(to)),
  });
  const made = { ...rest, channels: channels.map(joined), buses: buses.map(joined) };
  const all = [...made.channels, ...made.buses];
  const keys = all.flatMap(({ id, effects }) =>
    effects.flatMap(({ sidechain }) => (sidechain ? [{ from: sidechain, to: id }] : [])),
  );
  const circles = [...wiresOf(all), ...keys].some(({ from, to }) => to !== MASTER && wouldCircle(from, to, all));
  return circles ? null : made;
}

function levelOf(value: unknown): number {
  return Math.max(LOWEST_GAIN_DB, number(value, 0));
}

function curveOf(value: unknown): FadeCurve | null {
  return value === "linear" || value === "equal_power" ? value : null;
}

function fadeOf(value: unknown, longest: number): ClipFade {
  const said = isDocument(value) ? value : {};
  const seconds = within(number(said.seconds, 0), 0, longest);
  // Where there is none, the curve is the studio's own.
  return { seconds, curve: seconds > 0 ? (curveOf(said.curve) ?? "linear") : "equal_power" };
}

function clipOf(piece: Document, id: string, sourceLength: number): Clip {
  const start = within(number(piece.start, 0), 0, LONGEST_SONG);
  const offset = Math.max(0, number(piece.offset, 0));
  const left = Math.max(SHORTEST_CLIP, sourceLength - offset);
  const length = within(number(piece.length, left), SHORTEST_CLIP, Math.max(SHORTEST_CLIP, LONGEST_SONG - start));
  const loop = piece.loop === true ? number(piece.loop_length, left) : null;
  return {
    id,
    start,
    offset,
    length,
    ...(loop ? { loop: Math.max(SHORTEST_CLIP, loop) } : {}),
    fadeIn: fadeOf(piece.fade_in, length),
    fadeOut: fadeOf(piece.fade_out, length),
  };
}

function effectsOf(document: Document): EffectSetting[] {
  return documents(document.effects).map(({ type, parameters, bypass, sidechain }, at) => ({
    id: `${text(type)}-${at + 1}`,
    type: text(type),
    parameters: Object.fromEntries(
      Object.entries(isDocument(parameters) ? parameters : {}).filter(([, value]) =>
        ["number", "string", "boolean"].includes(typeof value),
      ),
    ) as EffectSetting["parameters"],
    bypass: bypass === true,
    ...(text(sidechain) && sidechain !== document.id ? { sidechain: text(sidechain) } : {}),
  }));
}

function sendsOf(document: Document): Send[] {
  const sends = documents(document.sends).map(({ to, gain_db, pre_fader }) => ({
    to: text(to),
    gainDb: levelOf(gain_db),
    preFader: pre_fader === true,
  }));
  return sends.filter(({ to }, at) => sends.findIndex((other) => other.to === to) === at);
}

const CURVES_READ: readonly unknown[] = ["linear", "exponential", "hold", "bezier"];

function lanesOf(document: Document, effects: readonly EffectSetting[], sends: readonly Send[]): Lane[] {
  return documents(document.automation).flatMap((lane) => {
    const target = studioTarget(text(lane.target), effects, sends);
    const points = documents(lane.points).map(({ time, value, curve, bezier }): AutomationPoint => ({
      time: within(number(time, 0), 0, LONGEST_SONG),
      value: number(value, 0),
      curve: CURVES_READ.includes(curve) ? (curve as AutomationPoint["curve"]) : "linear",
      ...(Array.isArray(bezier) && bezier.length === 4
        ? { bezier: bezier.map((part) => within(number(part, 0), 0, 1)) as unknown as Bezier }
        : {}),
    }));
    return target && points.length ? [{ target, points: settled(points) }] : [];
  });
}

const OWN_TARGETS: readonly string[] = ["gain_db", "pan", "width"];

/** A lane's target with ids where a session has numbers; null when it names nothing. */
function studioTarget(target: string, effects: readonly EffectSetting[], sends: readonly Send[]): string | null {
  const [kind, at, name] = target.split("/");
  if (name === undefined) return OWN_TARGETS.includes(target) ? target : null;
  const id = kind === "effects" ? effects[Number(at)]?.id : sends[Number(at)]?.to;
  return id === undefined ? null : `${kind}/${id}/${name}`;
}
