import { describe, expect, test, vi } from "vitest";
import { freshArrangement, newBus } from "@/lib/audio/edits";
import { heardInserts, isRenderedAlone, latenciesOf } from "@/lib/audio/inserts";
import { aligned } from "@/lib/audio/latency";
import { mixRequest } from "@/lib/audio/mix-request";
import { audibleWires, keysOf, openKeys, wouldCircle } from "@/lib/audio/routing";
import { type Channel, type EffectSetting } from "@/lib/audio/session";
import { spaceOf, Spaces } from "@/lib/audio/spaces";
import type { EffectKind } from "@/lib/processing";
import { addBus, editStrip, removeBus, useStudio } from "@/stores/studio";

const number = (name: string, rest: number) => ({
  name,
  title: name,
  kind: "number" as const,
  default: rest,
  unit: "",
  scale: "linear",
});
const kinds: EffectKind[] = [
  {
    id: "compressor",
    title: "Compressor",
    group: "dynamics",
    description: "",
    sidechain: true,
    parameters: [number("threshold_db", -18), number("lookahead_ms", 0), number("mix", 1)],
  },
  { id: "reverb", title: "Reverb", group: "space", description: "", parameters: [number("mix", 0.3)] },
  { id: "limiter", title: "Limiter", group: "dynamics", description: "", parameters: [number("ceiling_dbtp", -1)] },
  { id: "vocoder", title: "Vocoder", group: "space", description: "", parameters: [number("mix", 1)] },
];
const effect = (type: string, more: Partial<EffectSetting> = {}): EffectSetting => ({
  id: `${type}-1`,
  type,
  parameters: {},
  bypass: false,
  ...more,
});
const channels = () =>
  freshArrangement({ id: "t1", title: "Song", duration: 10, stems: ["drums", "bass"] }).channels as [Channel, Channel];

describe("the inserts that sound in the preview", () => {
  test("have every value of the schema, and are neither bypassed nor the server's alone nor unknown", () => {
    const chain = [
      effect("compressor", { parameters: { threshold_db: -30 } }),
      effect("reverb", { bypass: true }),
      effect("vocoder"),
      effect("tomorrow"),
    ];
    expect(heardInserts(chain, kinds)).toEqual([
      {
        id: "compressor-1",
        type: "compressor",
        values: { threshold_db: -30, lookahead_ms: 0, mix: 1 },
        sidechain: null,
      },
    ]);
    expect(isRenderedAlone(chain, kinds)).toBe(true);
    expect(isRenderedAlone(chain.slice(0, 2), kinds)).toBe(false);
    expect(isRenderedAlone([effect("vocoder", { bypass: true })], kinds)).toBe(false);
    expect(isRenderedAlone([effect("reverb")], [])).toBe(true);
  });
  test("are heard alone where nothing of them can be mixed", () => {
    expect(heardInserts([effect("limiter")], kinds)[0]!.values).toEqual({ ceiling_dbtp: -1, mix: 1 });
  });
  test("are as late as their look-ahead", () => {
    const [insert] = heardInserts([effect("compressor", { parameters: { lookahead_ms: 5 } })], kinds);
    expect(latenciesOf([insert!], 48_000)).toEqual([240]);
    expect(latenciesOf([{ ...insert!, type: "saturation" }], 48_000)).toEqual([24]);
    expect(latenciesOf([{ ...insert!, type: "limiter" }], 48_000)).toEqual([304]);
  });
});

describe("the spaces of a mix", () => {
  type Asked = { key: string; rate: number };
  const space = (name: string, decaySeconds = 1) => spaceOf({ space: name, decay_seconds: decaySeconds });
  function workshop() {
    const asked: Asked[] = [];
    const worker = {
      onmessage: null as ((event: never) => unknown) | null,
      onerror: null as ((event: never) => unknown) | null,
      postMessage: (message: Asked) => void asked.push(message),
      terminate: vi.fn(),
    };
    const context = { sampleRate: 48_000, createBuffer: () => ({ copyToChannel: () => undefined }) };
    const onChange = vi.fn();
    const start = vi.fn(() => worker);
    const spaces = new Spaces(context as never, onChange, start as never);
    const finish = () =>
      worker.onmessage!({
        data: { key: asked.at(-1)!.key, sides: [new Float32Array(1), new Float32Array(1)] },
      } as never);
    return { spaces, asked, worker, onChange, start, finish };
  }
  test("are made one after the other, each once, at the rate of the sound", () => {
    const { spaces, asked, finish, onChange, start } = workshop();
    spaces.want([space("hall"), space("room"), space("hall")]);
    expect(asked).toMatchObject([{ key: "hall 1", space: "hall", decaySeconds: 1, rate: 48_000 }]);
    expect(spaces.buffer("hall 1")).toBeNull();
    finish();
    finish();
    expect(asked.map(({ key }) => key)).toEqual(["hall 1", "room 1"]);
    expect(spaces.ready).toEqual(["hall 1", "room 1"]);
    spaces.want([space("hall")]);
    expect([asked.length, onChange.mock.calls.length, start.mock.calls.length]).toEqual([2, 2, 1]);
  });
  test("are not made while a dial still turns, but for what it began with and where it stopped", () => {
    const { spaces, asked, finish } = workshop();
    for (const seconds of [1, 1.1, 1.2, 1.3]) spaces.want([space("hall", seconds)]);
    finish();
    finish();
    expect(asked.map(({ key }) => key)).toEqual(["hall 1", "hall 1.3"]);
  });
  test("are few that are kept, and never fewer than are wanted", () => {
    const { spaces, finish } = workshop();
    for (let seconds = 1; seconds <= 12; seconds += 1) {
      spaces.want([space("plate", 1), space("hall", seconds)]);
      if (!spaces.buffer("plate 1")) finish();
      finish();
    }
    expect(spaces.ready).toHaveLength(8);
    expect(spaces.ready).toContain("plate 1");
    expect(spaces.ready).toContain("hall 12");
  });
  test("are known to be missing where the browser makes none", () => {
    const { spaces, worker, onChange, asked } = workshop();
    spaces.want([space("hall")]);
    worker.onerror!({} as never);
    expect([spaces.failed, onChange.mock.calls.length]).toEqual([true, 1]);
    spaces.want([space("room")]);
    expect(asked).toHaveLength(1);
    const refused = vi.fn();
    const without = new Spaces({} as never, refused, () => {
      throw new Error("no workers here");
    });
    without.want([space("hall")]);
    expect([without.failed, refused.mock.calls.length]).toEqual([true, 1]);
  });
});

describe("what is late in the mixer", () => {
  const wires = [
    { from: "a", to: "bus" },
    { from: "a", to: "master" },
    { from: "b", to: "master" },
    { from: "bus", to: "master" },
  ];
  const latencies = new Map([
    ["a", [100]],
    ["b", []],
    ["bus", [24]],
    ["master", [7]],
  ]);
  test("has everything wait that meets it, wherever they meet", () => {
    const { entry, exit, waitOf } = aligned(latencies, wires, []);
    expect([...exit]).toEqual([
      ["a", 100],
      ["b", 0],
      ["bus", 124],
      ["master", 131],
    ]);
    expect(entry.get("master")).toBe(124);
    expect(wires.map(waitOf)).toEqual([0, 24, 124, 0]);
  });
  test("makes a channel wait for what steers one of its effects, less what lies before that effect", () => {
    const key = { from: "a", to: "b", place: 1 };
    const late = aligned(new Map([...latencies, ["b", [30, 0]]]), wires, [key]);
    expect(late.entry.get("b")).toBe(70);
    expect(late.keyWaitOf(key)).toBe(0);
    const early = aligned(new Map([...latencies, ["b", [150, 0]]]), wires, [key]);
    expect([early.entry.get("b"), early.keyWaitOf(key)]).toEqual([0, 50]);
  });
  test("ends where the mix is a circle, as the server would refuse it", () => {
    const circle = [
      { from: "a", to: "b" },
      { from: "b", to: "a" },
    ];
    expect(aligned(latencies, circle, []).exit.size).toBe(4);
  });
});

describe("a sound that steers another", () => {
  test("reaches the server by its name, unless it is not there", () => {
    const [drums, bass] = channels();
    const ducked = { ...bass, effects: [effect("compressor", { sidechain: drums.id })] };
    const fresh = freshArrangement({ id: "t1", title: "Song", duration: 10, stems: [] });
    const asked = (strips: Channel[]) => mixRequest({ ...fresh, channels: strips }, 120).tracks.at(-1)!.effects[0]!;
    expect(asked([drums, ducked]).sidechain).toBe("drums-1");
    expect(asked([{ ...drums, clips: [] }, ducked]).sidechain).toBeUndefined();
    expect(asked([ducked]).sidechain).toBeUndefined();
    expect(keysOf([{ ...bass, effects: [effect("compressor", { sidechain: bass.id })] }], [drums, bass], [])).toEqual(
      [],
    );
  });
  test("may not come back to itself", () => {
    const [drums, bass] = channels();
    const ducked = { ...bass, effects: [effect("compressor", { sidechain: drums.id })] };
    const bus = newBus([], () => "Bus");
    expect(openKeys(drums.id, [drums, ducked], []).map(({ id }) => id)).toEqual([]);
    expect(openKeys(bass.id, [drums, ducked], [bus]).map(({ id }) => id)).toEqual(["drums-1", "bus-1"]);
    expect(openKeys("master", [drums, ducked], [bus])).toHaveLength(3);
    expect(wouldCircle(bass.id, bus.id, [drums, ducked, { ...bus, output: drums.id }])).toBe(true);
  });
  test("goes on steering while it is muted, and opens nothing to the ear", () => {
    const [drums, bass] = channels();
    const ducked = { ...bass, effects: [effect("compressor", { sidechain: drums.id })] };
    const muted = { ...drums, mute: true };
    expect(keysOf([ducked], [muted, ducked], [])).toHaveLength(1);
    expect([...audibleWires([muted, ducked], [])]).toEqual(["output bass-2 master post"]);
  });
  test("that is taken out lets go, in one step back", () => {
    useStudio.setState({ ...freshArrangement({ id: "t1", title: "Song", duration: 10, stems: ["drums"] }), past: [] });
    const bus = addBus((count) => `Bus ${count}`);
    for (const id of ["drums-1", "master"])
      editStrip(id, "add", () => ({ effects: [effect("compressor", { sidechain: bus })] }));
    removeBus(bus);
    const steering = () => {
      const { channels, master } = useStudio.getState();
      return [channels[0]!, master].map(({ effects }) => effects[0]!.sidechain);
    };
    expect(steering()).toEqual([null, null]);
    useStudio.getState().undo();
    expect(steering()).toEqual([bus, bus]);
  });
});
