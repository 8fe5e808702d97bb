import type { Lane } from "./automation";
import { LOWEST_GAIN_DB, type Arrangement, type ClipFade, type Send, type Strip } from "./session";

/** The lowest value of the server's faders: silence. */
const SILENCE_DB = -96;

const fade = ({ seconds, curve }: ClipFade) => (seconds > 0 ? { seconds, curve } : undefined);
const level = (gainDb: number) => (gainDb <= LOWEST_GAIN_DB ? SILENCE_DB : gainDb);

/** A lane's target with numbers where the studio has ids; null when what it moved is gone. */
export function serverTarget(target: string, strip: Pick<Strip, "effects"> & { sends?: Send[] }): string | null {
  const [kind, id, name] = target.split("/");
  if (name === undefined) return target;
  const items = kind === "effects" ? strip.effects.map((effect) => effect.id) : (strip.sends ?? []).map(({ to }) => to);
  const at = items.indexOf(id!);
  return at < 0 ? null : `${kind}/${at}/${name}`;
}

function lanes(strip: Strip & { sends?: Send[] }) {
  return strip.automation.flatMap((lane: Lane) => {
    const target = serverTarget(lane.target, strip);
    return target === null || !lane.points.length ? [] : [{ target, points: lane.points }];
  });
}

function common(strip: Strip) {
  return {
    gain_db: level(strip.gainDb),
    pan: strip.pan,
    effects: strip.effects.map(({ type, parameters, bypass }) => ({ type, parameters, bypass })),
    automation: lanes(strip),
  };
}

const sends = (items: readonly Send[]) =>
  items.map(({ to, gainDb, preFader }) => ({ to, gain_db: level(gainDb), pre_fader: preFader }));

/** The body of `POST /processing/mix`. */
export function mixRequest({ title, channels, buses, master }: Arrangement, bpm: number | null) {
  return {
    title: title || undefined,
    tempo: bpm && bpm >= 20 && bpm <= 400 ? bpm : undefined,
    tracks: channels
      .filter((channel) => channel.clips.length > 0)
      .map((channel) => ({
        id: channel.id,
        name: channel.name,
        ...common(channel),
        mute: channel.mute,
        solo: channel.solo,
        sends: sends(channel.sends),
        output: channel.output,
        crossfade: channel.crossfade ?? undefined,
        clips: channel.clips.map((clip) => ({
          track_id: channel.trackId,
          stem: channel.stem || undefined,
          start: clip.start,
          offset: clip.offset,
          length: clip.length,
          fade_in: fade(clip.fadeIn),
          fade_out: fade(clip.fadeOut),
        })),
      })),
    buses: buses.map((bus) => ({
      id: bus.id,
      name: bus.name,
      ...common(bus),
      mute: bus.mute,
      solo: bus.solo,
      sends: sends(bus.sends),
      output: bus.output,
    })),
    master: { ...common(master), ceiling_dbtp: master.ceilingDbtp },
  };
}
