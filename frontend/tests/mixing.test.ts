import { describe, expect, test } from "vitest";
import {
  bezierAt,
  linesOf,
  settled,
  valueAt,
  withChange,
  withPoint,
  withoutPoint,
  type AutomationPoint,
} from "@/lib/audio/automation";
import { crossfaded, freshArrangement, newBus } from "@/lib/audio/edits";
import { mixRequest } from "@/lib/audio/mix-request";
import { audibleWires, isHeard, openBuses, wouldCircle } from "@/lib/audio/routing";
import { fadeGain, type Channel, type Clip } from "@/lib/audio/session";
import { targetsOf } from "@/lib/audio/targets";

const point = (time: number, value: number, curve: AutomationPoint["curve"] = "linear"): AutomationPoint => ({
  time,
  value,
  curve,
});
const track = { id: "t1", title: "Song", duration: 10, stems: ["drums", "bass"] };
const NO_FADE = { seconds: 0, curve: "linear" } as const;

describe("a moving parameter", () => {
  test("rests before its first point and after its last", () => {
    const points = [point(1, -6), point(3, 0)];
    expect([0, 1, 2, 3, 99].map((time) => valueAt(points, time))).toEqual([-6, -6, -3, 0, 0]);
  });
  test("leaps with hold, and falls by equal ratios when it is exponential", () => {
    expect(valueAt([point(0, 4, "hold"), point(2, 8)], 1.999)).toBe(4);
    expect(valueAt([point(0, 4, "hold"), point(2, 8)], 2)).toBe(8);
    expect(valueAt([point(0, 100, "exponential"), point(2, 10_000)], 1)).toBeCloseTo(1000, 6);
    expect(valueAt([point(0, -40, "exponential"), point(2, -10)], 1)).toBeCloseTo(-20, 6);
  });
  test("follows the Bézier curves that CSS has: known values of ease and ease-in-out", () => {
    expect(bezierAt([0.25, 0.1, 0.25, 1], 0.5)).toBeCloseTo(0.8024, 4);
    expect(bezierAt([0.42, 0, 0.58, 1], 0.5)).toBeCloseTo(0.5, 10);
    expect(bezierAt([0.42, 0, 0.58, 1], 0.25)).toBeCloseTo(0.1291, 3);
    for (const part of [0, 0.1, 0.7, 1]) expect(bezierAt([1 / 3, 1 / 3, 2 / 3, 2 / 3], part)).toBeCloseTo(part, 10);
    expect(bezierAt([1, 0, 0, 1], 0.5)).toBeCloseTo(0.5, 8);
  });
  test("has its points in order, no two at one time, and no exponential curve through zero", () => {
    const made = settled([point(2, 0), point(1, -6, "exponential"), point(2, 3)]);
    expect(made).toEqual([point(1, -6), point(2, 0)]);
    expect(settled([{ ...point(0, 1, "bezier") }, point(1, 2)])[0]!.bezier).toEqual([0.42, 0, 0.58, 1]);
  });
  test("takes a new point with the curve that it interrupts; one that is there moves", () => {
    const points = [point(0, -6, "hold"), point(4, 0)];
    expect(withPoint(points, 2, -3)[1]).toEqual(point(2, -3, "hold"));
    expect(withPoint(points, 4.0002, 5)).toEqual([point(0, -6, "hold"), point(4, 5)]);
    expect(withPoint([], -3, 1)).toEqual([point(0, 1)]);
  });
  test("keeps a point that is pulled between its neighbours", () => {
    const points = [point(0, 0), point(1, 0), point(2, 0)];
    expect(withChange(points, 1, { time: 99 })[1]!.time).toBeCloseTo(1.999, 6);
    expect(withChange(points, 1, { time: -99 })[1]!.time).toBeCloseTo(0.001, 6);
    expect(withChange(points, 0, { time: -99 })[0]!.time).toBe(0);
    expect(withChange(points, 2, { time: 99 })[2]!.time).toBe(99);
    expect(withChange(points, 7, { time: 1 })).toEqual(points);
    expect(withoutPoint(points, 1)).toEqual([point(0, 0), point(2, 0)]);
  });
  test("is joined by straight lines to within a hundredth of a decibel, whichever second one begins at", () => {
    const points = [point(0.5, -40, "bezier"), point(2, -6, "hold"), point(3, 0), point(4, -20)];
    for (const from of [0, 0.7, 2.5, 3.2, 9]) {
      const lines = linesOf(points, from);
      expect(lines[0]).toMatchObject({ time: from, jump: true });
      const factor = (value: number) => 10 ** (value / 20);
      for (let time = from; time < 5; time += 0.0137) {
        const at = lines.findLastIndex((line) => line.time <= time);
        const [a, b] = [lines[at]!, lines[at + 1]];
        const part = b ? (time - a.time) / (b.time - a.time) : 0;
        const heard = b && !b.jump ? factor(a.value) + (factor(b.value) - factor(a.value)) * part : factor(a.value);
        expect(Math.abs(20 * Math.log10(heard) - valueAt(points, time))).toBeLessThan(0.01);
      }
    }
  });
});

describe("what mute and solo leave", () => {
  const mixer = () => {
    const [drums, bass] = freshArrangement(track).channels as [Channel, Channel];
    const bus = newBus([], (number) => `Bus ${number}`);
    const sending = { ...drums, sends: [{ to: bus.id, gainDb: 0, preFader: false }] };
    return { drums: sending, bass, bus };
  };
  const heard = (channels: Channel[], buses = [mixer().bus]) => {
    const wires = audibleWires(channels, buses);
    return [...channels, ...buses].filter(({ id }) => isHeard(id, wires)).map(({ id }) => id);
  };
  test("a solo silences the others and keeps its reverb; a mute wins over a solo", () => {
    const { drums, bass } = mixer();
    expect(heard([drums, bass])).toEqual(["drums-1", "bass-2", "bus-1"]);
    expect(heard([{ ...drums, solo: true }, bass])).toEqual(["drums-1", "bus-1"]);
    expect(heard([{ ...drums, solo: true, mute: true }, bass])).toEqual(["bus-1"]);
  });
  test("a soloed bus lets through what feeds it, and only on the way to it", () => {
    const { drums, bass, bus } = mixer();
    const wires = audibleWires([drums, bass], [{ ...bus, solo: true }]);
    expect([...wires].sort()).toEqual(["output bus-1 master post", "send drums-1 bus-1 post"]);
  });
  test("the solo of a channel without clips silences nobody, as the server does not get that channel", () => {
    const { drums, bass } = mixer();
    expect(heard([{ ...drums, solo: true, clips: [] }, bass])).toContain("bass-2");
  });
  test("nothing may feed itself, however far around", () => {
    const { drums, bus } = mixer();
    const second = { ...newBus([bus.id], () => "Two"), output: bus.id };
    expect(wouldCircle(bus.id, second.id, [drums, bus, second])).toBe(true);
    expect(openBuses(bus.id, [drums], [bus, second])).toEqual([]);
    expect(openBuses(drums.id, [drums], [bus, second])).toEqual([bus, second]);
    expect(openBuses(second.id, [drums], [bus, second])).toEqual([bus]);
  });
});

describe("clips that overlap", () => {
  const clip = (id: string, start: number, length: number): Clip => ({
    id,
    start,
    offset: 0,
    length,
    fadeIn: NO_FADE,
    fadeOut: NO_FADE,
  });
  test("pass into one another, at constant power, whatever the order they are kept in", () => {
    const [late, early] = crossfaded([clip("b", 3, 4), clip("a", 0, 5)], "equal_power");
    expect(early!.fadeOut).toEqual({ seconds: 2, curve: "equal_power" });
    expect(late!.fadeIn).toEqual({ seconds: 2, curve: "equal_power" });
    for (const x of [0, 0.3, 0.5, 1]) {
      const [out, into] = [fadeGain(1 - x, early!.fadeOut.curve), fadeGain(x, late!.fadeIn.curve)];
      expect(out ** 2 + into ** 2).toBeCloseTo(1, 10);
    }
  });
  test("keep the fades that were set by hand; without a crossfade both sound", () => {
    const set = { ...clip("a", 0, 5), fadeOut: { seconds: 0.5, curve: "linear" as const } };
    expect(crossfaded([set, clip("b", 3, 4)], "linear")[0]!.fadeOut.seconds).toBe(0.5);
    expect(crossfaded([set, clip("b", 3, 4)], null)).toEqual([set, clip("b", 3, 4)]);
    expect(crossfaded([clip("a", 0, 3), clip("b", 3, 4)], "linear")).toEqual([clip("a", 0, 3), clip("b", 3, 4)]);
  });
  test("one that lies within another fades over its own length", () => {
    const [outer, inner] = crossfaded([clip("a", 0, 10), clip("b", 2, 3)], "linear");
    expect([outer!.fadeOut.seconds, inner!.fadeIn.seconds]).toEqual([3, 3]);
  });
});

describe("the request for a bounce", () => {
  test("names effects and sends by their places, and leaves out what no longer moves anything", () => {
    const fresh = freshArrangement(track);
    const bus = newBus([], () => "Hall");
    const drums: Channel = {
      ...fresh.channels[0]!,
      effects: [
        { id: "eq-1", type: "equalizer", parameters: {}, bypass: true },
        { id: "rev-2", type: "reverb", parameters: { mix: 1 }, bypass: false },
      ],
      sends: [{ to: bus.id, gainDb: -60, preFader: true }],
      automation: [
        { target: "pan", points: [point(0, -1), point(4, 1)] },
        { target: "effects/rev-2/mix", points: [point(0, 0), point(4, 1)] },
        { target: `sends/${bus.id}/gain_db`, points: [point(0, -6)] },
        { target: "effects/gone/mix", points: [point(0, 0)] },
        { target: "gain_db", points: [] },
      ],
    };
    const asked = mixRequest({ ...fresh, channels: [drums, { ...fresh.channels[1]!, clips: [] }], buses: [bus] }, 120);
    expect(asked.tracks).toHaveLength(1);
    expect(asked.tracks[0]!.automation.map(({ target }) => target)).toEqual([
      "pan",
      "effects/1/mix",
      "sends/0/gain_db",
    ]);
    expect(asked.tracks[0]).toMatchObject({
      sends: [{ to: "bus-1", gain_db: -96, pre_fader: true }],
      crossfade: "equal_power",
      output: "master",
    });
    expect(asked.buses).toMatchObject([{ id: "bus-1", name: "Hall", gain_db: 0, output: "master" }]);
    expect(asked.master).toMatchObject({ gain_db: 0, ceiling_dbtp: -1, automation: [] });
  });
});

describe("what of a strip can move", () => {
  const words = { gain: "Gain", pan: "Pan", busName: (id: string) => `to ${id}` };
  const number = { kind: "number", default: 0.3, min: 0, max: 1, unit: "", scale: "linear" } as const;
  const reverb = {
    id: "reverb",
    title: "Reverb",
    group: "space",
    description: "",
    parameters: [
      { ...number, name: "mix", title: "Mix", automatable: true },
      { ...number, name: "size", title: "Size", automatable: false },
      { ...number, name: "freeze", title: "Freeze", kind: "switch" as const, default: false, automatable: false },
    ],
  };
  test("is its gain and pan, its sends, and the numbers of its effects that the server lets move", () => {
    const { channels } = freshArrangement(track);
    const strip: Channel = {
      ...channels[0]!,
      sends: [{ to: "bus-1", gainDb: -9, preFader: false }],
      effects: [
        { id: "r1", type: "reverb", parameters: { mix: 0.8 }, bypass: false },
        { id: "r2", type: "reverb", parameters: {}, bypass: false },
      ],
    };
    expect(targetsOf(strip, [reverb], words).map(({ id, group, rest }) => [id, group, rest])).toEqual([
      ["gain_db", "", 0],
      ["pan", "", 0],
      ["sends/bus-1/gain_db", "to bus-1", -9],
      ["effects/r1/mix", "1. Reverb", 0.8],
      ["effects/r2/mix", "2. Reverb", 0.3],
    ]);
  });
});
