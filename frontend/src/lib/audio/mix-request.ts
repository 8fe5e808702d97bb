import type { Lane } from "./automation";
import { keysOf } from "./routing";
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

function common(strip: Strip, { channels, buses }: Pick<Arrangement, "channels" | "buses">) {
  const keys = keysOf([strip], channels, buses);
  return {
    gain_db: level(strip.gainDb),
    pan: strip.pan,
    effects: strip.effects.map(({ id, type, parameters, bypass }) => ({
      type,
      parameters,
      bypass,
      sidechain: keys.find(({ effectId }) => effectId === id)?.from,
    })),
    automation: lanes(strip),
  };
}

const sends = (items: readonly Send[]) =>
  items.map(({ to, gainDb, preFader }) => ({ to, gain_db: level(gainDb), pre_fader: preFader }));

/** A tempo that the server takes. */
export function mixTempo(bpm: number | null): number | undefined {
  return bpm && bpm >= 20 && bpm <= 400 ? bpm : undefined;
}

/** The body of `POST /processing/mix`. */
export function mixRequest({ title, channels, buses, master }: Arrangement, bpm: number | null) {
  const all = { channels, buses };
  return {
    title: title || undefined,
    tempo: mixTempo(bpm),
    tracks: channels
      .filter((channel) => channel.clips.length > 0)
      .map((channel) => ({
        id: channel.id,
        name: channel.name,
        ...common(channel, all),
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
          ...(clip.loop ? { loop: true, loop_length: clip.loop } : {}),
          fade_in: fade(clip.fadeIn),
          fade_out: fade(clip.fadeOut),
        })),
      })),
    buses: buses.map((bus) => ({
      id: bus.id,
      name: bus.name,
      ...common(bus, all),
      mute: bus.mute,
      solo: bus.solo,
      sends: sends(bus.sends),
      output: bus.output,
    })),
    master: { ...common(master, all), ceiling_dbtp: master.ceilingDbtp },
  };
}
