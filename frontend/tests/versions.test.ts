import { beforeEach, describe, expect, test, vi, afterEach } from "vitest";
import english from "@messages/en.json";
import { differencesOf, fingerprint, PARTS } from "@/lib/audio/differences";
import { freshArrangement, newBus } from "@/lib/audio/edits";
import { keptText, readKept, readKeptMix } from "@/lib/audio/kept";
import { mixRequest } from "@/lib/audio/mix-request";
import { readSession, sourcesOf, UNREAD } from "@/lib/audio/read-session";
import type { Arrangement, Channel } from "@/lib/audio/session";
import { useStudio } from "@/stores/studio";

const fresh = () => freshArrangement({ id: "t1", title: "Song", duration: 10, stems: ["drums", "bass"] });
const options = { lengthOf: (id: string) => (id === "t1" ? 10 : undefined), title: "Song", bpm: 120 };
const read = (session: Record<string, unknown>) => readSession(session, options);

/** Everything that the studio can say. */
function full(): Arrangement {
  const { title, channels, master } = fresh();
  const [drums, bass] = channels as [Channel, Channel];
  const hall = { ...newBus([], (number) => `Hall ${number}`), effects: [], mute: true };
  return {
    title,
    channels: [
      {
        ...drums,
        gainDb: -60,
        pan: -0.5,
        solo: true,
        effects: [
          { id: "a", type: "equalizer", parameters: { band1_gain_db: 3 }, bypass: true },
          {
            id: "b",
            type: "compressor",
            parameters: { ratio: 4, detector: "rms" },
            bypass: false,
            sidechain: "bass-2",
          },
        ],
        sends: [{ to: "bus-1", gainDb: -12, preFader: true }],
        automation: [
          { target: "effects/b/ratio", points: [{ time: 1, value: 2, curve: "hold" }] },
          { target: "sends/bus-1/gain_db", points: [{ time: 0, value: -6, curve: "bezier", bezier: [0, 0, 1, 1] }] },
        ],
        crossfade: null,
        clips: [
          { ...drums.clips[0]!, length: 4, fadeOut: { seconds: 1, curve: "linear" } },
          { ...drums.clips[0]!, id: "x", start: 4, offset: 2, length: 9, loop: 2 },
        ],
      },
      { ...bass, output: "bus-1", mute: true },
    ],
    buses: [hall],
    master: {
      ...master,
      gainDb: 1,
      ceilingDbtp: -2,
      effects: [{ id: "m", type: "reverb", parameters: {}, bypass: false }],
    },
  };
}

describe("a session that the studio wrote", () => {
  test("comes back as it was, and leaves nothing out", () => {
    const asked = mixRequest(full(), 120);
    // As it comes from the server: without what was never said.
    const back = read(JSON.parse(JSON.stringify(asked)) as Record<string, unknown>);
    expect(back!.unread).toEqual([]);
    expect(mixRequest(back!.arrangement, 120)).toEqual(asked);
    expect(fingerprint(back!.arrangement)).toBe(fingerprint(full()));
    expect(back!.arrangement.channels.map(({ sourceLength }) => sourceLength)).toEqual([10, 10]);
  });
});

describe("a session that somebody else wrote", () => {
  test("says what the studio cannot show of it", () => {
    const found = read({
      tempo: 90,
      sample_rate: 48_000,
      range: { start: 1 },
      tail: 2,
      tracks: [
        { track_id: "t1", stem: "bass", stretch: 2, width: 0.5, pan_law: "linear" },
        {
          track_id: "t1",
          clips: [{ gain_db: -3 }, { track_id: "t2" }],
        },
      ],
      buses: [{ id: "hall", solo_safe: false }],
      master: { ceiling_dbtp: null, fade_out: { seconds: 2 } },
    });
    expect(found!.unread).toEqual([...UNREAD]);
    expect(found!.arrangement.channels.map(({ id, stem, clips }) => [id, stem, clips.length])).toEqual([
      ["track1", "bass", 1],
      ["track2", "", 1],
    ]);
  });
  test("has clips where it says nothing of them, and knows whose they are", () => {
    const session = {
      track_id: "t1",
      title: "",
      tracks: [{ stem: "drums", offset: 4 }, { clips: [{ track_id: "t2" }] }],
    };
    expect(sourcesOf(session)).toEqual(["t1", "t2"]);
    const { channels, title } = read(session)!.arrangement;
    expect(title).toBe("Song");
    expect(channels[0]).toMatchObject({ trackId: "t1", name: "drums", sourceLength: 10, output: "master" });
    expect(channels[0]!.clips).toMatchObject([{ start: 0, offset: 4, length: 6 }]);
    // Nobody knows how long a track is that is gone: it stays as long as it was used.
    const gone = read({ tracks: [{ track_id: "gone", offset: 3, length: 5 }] })!.arrangement.channels[0]!;
    expect([gone.sourceLength, gone.clips[0]!.length]).toEqual([8, 5]);
  });
  test("is none where sound would run in a circle, names come twice, or there is nothing", () => {
    const circle = [
      { id: "a", output: "b" },
      { id: "b", sends: [{ to: "a" }] },
    ];
    expect(read({ tracks: [{ track_id: "t1" }], buses: circle })).toBeNull();
    const steered = { id: "x", track_id: "t1", output: "a", effects: [{ type: "compressor", sidechain: "a" }] };
    expect(read({ tracks: [steered], buses: [{ id: "a" }] })).toBeNull();
    expect(read({ tracks: [{ id: "x" }, { id: "x" }] })).toBeNull();
    expect(read({ tracks: [{ id: "master" }] })).toBeNull();
    for (const tracks of [[], null, "x", [1, null]]) expect(read({ tracks })).toBeNull();
  });
  test("of nonsense is read without harm", () => {
    const found = read({
      title: 7,
      master: [],
      tracks: [
        {
          id: "x",
          track_id: 5,
          gain_db: "loud",
          pan: 99,
          sends: [{ to: "nowhere" }, 3],
          output: "nowhere",
          effects: [{ type: 1, parameters: { a: {}, b: 2 } }, null],
          automation: [
            { target: "effects/9/x", points: [{ time: 0, value: 1 }] },
            { target: "gain_db" },
            { target: "x" },
          ],
          clips: [{ start: -5, offset: -1, length: 1e9, fade_in: { seconds: 1e9, curve: "odd" } }],
        },
      ],
    })!;
    const [channel] = found.arrangement.channels;
    expect(channel).toMatchObject({ gainDb: 0, pan: 1, sends: [], output: "master", automation: [] });
    expect(channel!.effects).toEqual([{ id: "-1", type: "", parameters: { b: 2 }, bypass: false }]);
    expect(channel!.clips[0]).toMatchObject({
      start: 0,
      offset: 0,
      length: 7200,
      fadeIn: { seconds: 7200, curve: "linear" },
    });
  });
});

describe("what differs between two arrangements", () => {
  test("is said by strip and by what, with numbers where there are some", () => {
    const before = full();
    const after: Arrangement = {
      ...before,
      channels: [{ ...before.channels[0]!, gainDb: -3, automation: [] }, before.channels[1]!],
      buses: [],
      master: { ...before.master, ceilingDbtp: -1 },
    };
    const back = { ...after, buses: before.buses };
    expect(differencesOf(before, back)).toEqual([
      {
        id: "drums-1",
        name: "drums",
        state: "changed",
        parts: [{ what: "gain", from: -96, to: -3 }, { what: "automation" }],
      },
      { id: "master", name: "", state: "changed", parts: [{ what: "ceiling", from: -2, to: -1 }] },
    ]);
    expect(differencesOf(before, after).map(({ id, state }) => [id, state])).toContainEqual(["bus-1", "removed"]);
    expect(differencesOf(after, before).map(({ id, state }) => [id, state])).toContainEqual(["bus-1", "added"]);
  });
  test("is nothing where they sound alike, whatever their parts are called", () => {
    const [one, other] = [full(), full()];
    other.channels[0]!.effects[1]!.id = "renamed";
    other.channels[0]!.automation[0]!.target = "effects/renamed/ratio";
    other.channels[0]!.clips[0]!.id = "c99";
    expect(differencesOf(one, other)).toEqual([]);
    expect(fingerprint({ ...one, title: "x" })).toBe(fingerprint(other));
    expect(fingerprint({ ...one, master: { ...one.master, gainDb: 1.1 } })).not.toBe(fingerprint(one));
  });
  test("has words for all of it", () => {
    expect(Object.keys(english.mixes.parts).sort()).toEqual([...PARTS].sort());
    expect(Object.keys(english.mixes.unread).sort()).toEqual([...UNREAD].sort());
  });
});

describe("a project that is saved into a mix", () => {
  const link = { id: "m1", base: 3, saved: "abc" };
  let store: Map<string, string>;
  beforeEach(() => {
    store = new Map();
    vi.stubGlobal("localStorage", {
      getItem: (key: string) => store.get(key) ?? null,
      setItem: (key: string, value: string) => store.set(key, value),
    });
  });
  afterEach(() => vi.unstubAllGlobals());

  test("knows which one after a reload, and without one it is none", () => {
    expect(readKeptMix(keptText(fresh(), link))).toEqual(link);
    expect(readKept(keptText(fresh(), link))).toEqual(fresh());
    for (const text of [
      null,
      "{",
      "[]",
      keptText(fresh()),
      '{"mix":{"id":1,"base":1}}',
      '{"mix":{"id":"m","base":"1"}}',
    ])
      expect(readKeptMix(text)).toBeNull();
    store.set("studio.project.p", keptText(fresh(), link));
    useStudio.getState().open("p", 120, fresh());
    expect(useStudio.getState().mix).toEqual(link);
    useStudio.getState().open("other", 120, fresh());
    expect(useStudio.getState().mix).toBeNull();
  });
  test("goes on from a version in one step, which leaves the link alone when it is undone", () => {
    const { open, link: follow, replace } = useStudio.getState();
    open("p", 120, fresh());
    const before = replace(full());
    follow(link);
    expect(before).toEqual(fresh());
    // Two in a row are two steps, however soon.
    replace(fresh());
    useStudio.getState().undo();
    expect(fingerprint(useStudio.getState())).toBe(fingerprint(full()));
    useStudio.getState().undo();
    expect(fingerprint(useStudio.getState())).toBe(fingerprint(fresh()));
    expect(useStudio.getState().mix).toEqual(link);
  });
  test("lets another version be heard until something is changed", () => {
    const { open, audition, edit, undo, redo } = useStudio.getState();
    open("p", 120, fresh());
    const heard = { number: 1, arrangement: full() };
    for (const change of [() => edit("x", () => ({ title: "y" })), undo, redo]) {
      audition(heard);
      expect(useStudio.getState().channels).toHaveLength(2);
      expect(useStudio.getState().channels[0]!.gainDb).toBe(0);
      change();
      expect(useStudio.getState().auditioned).toBeNull();
    }
  });
});
