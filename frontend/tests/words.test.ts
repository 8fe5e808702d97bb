import { describe, expect, test, vi } from "vitest";
import { createTranslator } from "use-intl/core";
import english from "@messages/en.json";
import german from "@messages/de.json";
import serverEnglish from "@messages/server/en.json";
import serverGerman from "@messages/server/de.json";
import { csrfToken } from "@/lib/api/client";
import { problemOf } from "@/lib/api/problem";
import { safeNext } from "@/components/account/enter";
import { startOf } from "@/components/account/providers";
import { levelled } from "@/components/track/compare-masters";
import { coverOf } from "@/lib/cover";
import { tokenOf } from "@/components/account/mail-token";
import { inMixerOrder, stemColour, STEM_NAMES } from "@/lib/stems";
import { deviceName } from "@/lib/device";
import { wayBack } from "@/lib/doors";
import { clock, fileSize, loudness, musicalKey, signed, tempo, timecode, times } from "@/lib/format";
import { preferredLocale } from "@/lib/i18n";
import {
  askedOf,
  countFilters,
  EVERYTHING,
  frequentTags,
  narrowedAddress,
  readNarrowed,
  readTags,
} from "@/lib/library";
import { fittingLength, offeredLengths } from "@/lib/lengths";
import { titleOf } from "@/lib/page-title";
import { parameterText, toSlider, toValue } from "@/lib/parameters";
import { inOwnWords, readPattern, sentenceInOwnWords } from "@/lib/server-words";
import { surprise } from "@/lib/surprise";
import { readUnderstood, specWith } from "@/lib/understood";
import { tellProblem } from "@/lib/use-problem-text";
import { knownStage } from "@/lib/use-stage-text";

type Catalogue = { [key: string]: string | Catalogue };

function flat(catalogue: Catalogue, path = ""): Map<string, string> {
  return new Map(
    Object.entries(catalogue).flatMap(([key, value]) =>
      typeof value === "string" ? [[`${path}${key}`, value] as const] : [...flat(value, `${path}${key}.`)],
    ),
  );
}
const places = (text: string) =>
  [...text.matchAll(/\{(\w+)/g)].map(([, name]) => name).filter((name) => !/^(#|keine|no)$/.test(name!));
const first = (text: string) =>
  new Set(places(text).filter((name) => text.includes(`{${name}}`) || text.includes(`{${name},`)));

describe("the catalogue", () => {
  const [en, de] = [flat(english), flat(german)];
  test("has the same keys in both languages", () => {
    expect([...de.keys()].sort()).toEqual([...en.keys()].sort());
  });
  test("uses the same values in both languages", () => {
    for (const [key, text] of en) expect([key, first(de.get(key)!)]).toEqual([key, first(text)]);
  });
  test("is really translated", () => {
    const same = [...en].filter(([key, text]) => text.length > 24 && de.get(key) === text).map(([key]) => key);
    expect(same).toEqual([]);
  });
  test("counts in words", () => {
    const t = createTranslator({ locale: "en", messages: english });
    expect(t("take.inLine", { position: 3 })).toBe("3rd in line");
    expect(t("create.takesCount", { count: 1 })).toBe("1 take");
    expect(createTranslator({ locale: "de", messages: german })("library.marked", { count: 2 })).toBe(
      "2 Stücke gewählt",
    );
  });
  test("knows the titles of exported pages", () => {
    expect(titleOf("Library · Music Gen AI")).toEqual({ title: "library", rest: " · Music Gen AI" });
    expect(titleOf("Music Gen AI")).toBeNull();
    expect(new Set(Object.values(english.titles)).size).toBe(Object.keys(english.titles).length);
  });
  test("is spoken in the chosen language, else in the browser's", () => {
    expect(preferredLocale("de", ["en-GB"])).toBe("de");
    expect(preferredLocale(null, ["fr", "de-AT", "en"])).toBe("de");
    expect(preferredLocale(null, ["ja"])).toBe("en");
  });
});

describe("what the server says", () => {
  const words = { english: serverEnglish, own: serverGerman };
  test("is said in the page's language by its id", () => {
    expect(inOwnWords(words, "Compressor", ["effect.compressor"])).toBe("Kompressor");
    expect(inOwnWords(words, "Sample rate", ["parameter.bitcrusher.rate_hz", "parameter.rate_hz"])).toBe("Abtastrate");
    expect(inOwnWords(words, "Rate", ["parameter.chorus.rate_hz", "parameter.rate_hz"])).toBe("Geschwindigkeit");
  });
  test("stays as it is where the catalogue does not know it, or the operator said it differently", () => {
    expect(inOwnWords(words, "Vocoder", ["effect.vocoder"])).toBe("Vocoder");
    expect(inOwnWords(words, "Our house composer", ["model.composer"])).toBe("Our house composer");
    expect(inOwnWords(null, "Compressor", ["effect.compressor"])).toBe("Compressor");
  });
  test("is translated around what it is about", () => {
    expect(sentenceInOwnWords(words, "The meter 9/8 is written as 3/4.")).toBe(
      "Die Taktart 9/8 wird als 3/4 geschrieben.",
    );
    expect(sentenceInOwnWords(words, "No style was named; Lo-fi hip hop suits the scene.")).toBe(
      "Kein Stil war genannt; zur Szene passt Lo-Fi-Hip-Hop.",
    );
    expect(sentenceInOwnWords(words, "Something new.")).toBe("Something new.");
  });
  test("of a job's stage is found in the catalogue, the narrower pattern first", () => {
    expect(knownStage("sound check")).toEqual({ stage: "sound check", about: [] });
    expect(knownStage("playing the chorus")).toEqual({ stage: "playing the {1}", about: ["chorus"] });
    expect(knownStage("mixing, 0:10 of 2:31")).toEqual({ stage: "mixing, {1} of {2}", about: ["0:10", "2:31"] });
    expect(knownStage("listening to the mix")?.about).toEqual([]);
    expect(knownStage("fetching model.safetensors (1.5 GB)")?.about).toEqual(["model.safetensors (1.5 GB)"]);
    expect(knownStage("daydreaming")).toBeNull();
    expect(readPattern("a.b {1}", "axb c")).toBeNull();
  });
  test("of a problem is translated, else told after the sentence for its kind, in English alone", () => {
    const t = createTranslator({ locale: "de", messages: german as typeof english, namespace: "problems" });
    const tell = (kind: string, detail: string) => tellProblem(t as never, words, false, kind, detail);
    expect(tell("validation", "This is not your present password.")).toBe("Das ist nicht dein jetziges Passwort.");
    expect(tell("conflict", "The job has ended.")).toMatch(/^Das passt nicht.*„The job has ended.“$/);
    expect(tell("conflict", "")).toBe(german.problems.kinds.conflict);
    expect(tell("brand-new", "The job has ended.")).toBe("The job has ended.");
    expect(tell("brand-new", "")).toBe(german.problems.unknown);
    const said = createTranslator({ locale: "en", messages: english, namespace: "problems" });
    expect(tellProblem(said as never, null, true, "conflict", "The job has ended.")).toBe("The job has ended.");
  });
});

describe("lengths of a take", () => {
  test("are offered when it is known which model plays and who asks, and none of them vanishes then", () => {
    expect(offeredLengths({ model: 600, account: undefined })).toBeNull();
    expect(offeredLengths({ model: undefined, account: Infinity })).toBeNull();
    expect(offeredLengths({ model: 600, account: 30 })).toEqual([15, 30]);
    expect(offeredLengths({ model: 90, account: Infinity })).toEqual([15, 30, 60, 90]);
  });
  test("are shortened to what is offered", () => {
    expect(fittingLength(240, [15, 30])).toBe(30);
    expect(fittingLength(60, [15, 30, 60, 90])).toBe(60);
    expect(fittingLength(60, null)).toBe(60);
  });
});

describe("numbers with units", () => {
  test("have the comma of a language that has one", () => {
    vi.stubGlobal("document", { documentElement: { lang: "de" } });
    expect([loudness(-14), fileSize(1.8e9), tempo(117.5), times(8.5), parameterText({ unit: "dB" }, 0)]).toEqual([
      "−14,0 LUFS",
      "1,8 GB",
      "117,5",
      "8,5",
      "0,0 dB",
    ]);
    expect([parameterText({ unit: "Hz" }, 1500), parameterText({ unit: "s" }, 0.25)]).toEqual(["1,5 kHz", "0,25 s"]);
    vi.unstubAllGlobals();
    expect(loudness(-14)).toBe("−14.0 LUFS");
  });
  test("read as musicians write them", () => {
    expect(clock(151.9)).toBe("2:31");
    expect(clock(3725)).toBe("1:02:05");
    expect(clock(NaN)).toBe("–:––");
    expect(timecode(42.31)).toBe("00:42.310");
    expect(loudness(-14)).toBe("−14.0 LUFS");
    expect(signed(2.54)).toBe("+2.5");
    expect(signed(-0.04)).toBe("0.0");
    expect(signed(-Infinity)).toBe("−∞");
    expect([0.0341, 0.4, 9.44, 37.6].map(times)).toEqual(["0.034", "0.4", "9.4", "38"]);
    expect(musicalKey("Eb dorian")).toBe("E♭ dorian");
    expect(musicalKey("F# minor")).toBe("F♯ minor");
    expect(musicalKey("B minor")).toBe("B minor");
    expect(fileSize(40_000_000)).toBe("40 MB");
  });
  test("effects show their values with their units", () => {
    expect(parameterText({ unit: "Hz" }, 1234)).toBe("1.23 kHz");
    expect(parameterText({ unit: "dB" }, -18)).toBe("−18.0 dB");
    expect(parameterText({ unit: "ms" }, 35)).toBe("35 ms");
  });
  test("a logarithmic control gives every octave the same room, there and back", () => {
    const frequency = { min: 20, max: 20480, scale: "log" };
    expect(toSlider(frequency, 40) - toSlider(frequency, 20)).toBeCloseTo(0.1);
    for (const value of [20, 55, 1230, 20000])
      expect(toValue(frequency, toSlider(frequency, value))).toBeCloseTo(value, 5);
    expect(toValue({ min: -24, max: 24, scale: "db" }, 0.5)).toBe(0);
    expect(toValue(frequency, 1)).toBe(20480);
  });
});

describe("stems", () => {
  test("keep one colour each, under any of their names", () => {
    expect(["drums", "Bass", "voice", "lead", "theremin"].map(stemColour)).toEqual([
      "drums",
      "bass",
      "vocals",
      "melody",
      "other",
    ]);
  });
  test("lie in a mixer's order", () => {
    expect(inMixerOrder(["other", "vocals", "melody", "drums", "bass"])).toEqual([
      "drums",
      "bass",
      "melody",
      "vocals",
      "other",
    ]);
  });
  test("have a name in both languages", () => {
    expect(Object.keys(english.stemNames).sort()).toEqual([...STEM_NAMES].sort());
  });
});

describe("problems and doors", () => {
  test("a mail's token is read off the fragment", () => {
    expect(tokenOf("#token=a%2Fb-_")).toBe("a/b-_");
    expect(tokenOf("")).toBe("");
  });
  test("a problem document keeps what a person needs", () => {
    const problem = problemOf(
      429,
      { type: "/problems/quota-exceeded", detail: "Used up." },
      new Headers({ "Retry-After": "30" }),
    );
    expect(problem).toMatchObject({ kind: "quota-exceeded", message: "Used up.", retryAfterSeconds: 30 });
    expect(problemOf(422, { errors: [{ pointer: "/bpm", detail: "too fast" }] }).field("/bpm")).toBe("too fast");
    expect(problemOf(502, "<html>").kind).toBe("unavailable");
  });
  test("the CSRF token is found among cookies, secure or not", () => {
    expect(csrfToken("a=1; musicgen_csrf=x%2By; b=2")).toBe("x+y");
    expect(csrfToken("__Host-musicgen_csrf=z")).toBe("z");
    expect(csrfToken("not_musicgen_csrf=z")).toBe("");
  });
  test("signing in leads to our own pages only", () => {
    expect(safeNext("?next=/track/%3Fid=1")).toBe("/track/?id=1");
    for (const bad of ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", ""])
      expect(safeNext(`?next=${encodeURIComponent(bad)}`)).toBe("/create/");
  });
  test("a door leads back to the page that one came from, also over the other door", () => {
    expect(wayBack("/playlist/", "?id=1")).toBe("?next=%2Fplaylist%2F%3Fid%3D1");
    expect(wayBack("/sign-in/", "?next=%2Fplaylist%2F%3Fid%3D1")).toBe("?next=%2Fplaylist%2F%3Fid%3D1");
    for (const nowhere of ["/", "/forgot/", "/verify/", "/shared/", "/sign-up/"]) expect(wayBack(nowhere, "")).toBe("");
  });
  test("the way over another site ends at our own pages only", () => {
    const start = "https://music.example/api/v1/auth/oidc/example/start";
    expect(startOf(start, "?next=/track/%3Fid=1")).toBe(`${start}?next=%2Ftrack%2F%3Fid%3D1`);
    expect(startOf(start, "?next=//evil.example")).toBe(`${start}?next=%2Fcreate%2F`);
  });
});

describe("tracks", () => {
  const track = (title: string, tags: string[]) =>
    ({ title, tags, prompt: "", model: "composer", key: "A minor" }) as never;
  const tracks = [track("Rain", ["lofi", "calm"]), track("Sun", ["bossa", "calm"])];
  test("are asked for as they are wanted, the whole library with nothing", () => {
    expect(askedOf({})).toEqual({});
    expect(askedOf({ text: " ?! ", tag: null, sort: "newest", visibility: "all" })).toEqual({});
    expect(askedOf({ project: "p", text: " späte Nacht ", tag: "lofi", sort: "title", visibility: "private" })).toEqual(
      {
        project_id: "p",
        q: "späte Nacht",
        tag: ["lofi"],
        sort: "title",
        public: false,
      },
    );
    expect(askedOf({ text: "a".repeat(300) }).q).toHaveLength(200);
  });
  test("stand in the address as they are looked for, and the whole of it stands for nothing", () => {
    const wanted = { text: "späte Nacht", tag: "lo-fi & more", sort: "title", visibility: "private" } as const;
    const address = narrowedAddress("?project=p", wanted);
    expect(new URLSearchParams(address).get("project")).toBe("p");
    expect(readNarrowed(address)).toEqual(wanted);
    expect(narrowedAddress(address, EVERYTHING)).toBe("?project=p");
    expect(narrowedAddress("", EVERYTHING)).toBe("");
    expect(readNarrowed("?sort=loudest&visibility=&q=")).toEqual(EVERYTHING);
  });
  test("are narrowed by what is counted on the button that unfolds it", () => {
    expect(countFilters({ ...EVERYTHING, text: "words have a field of their own" })).toBe(0);
    expect(countFilters({ text: "", tag: "calm", sort: "oldest", visibility: "public" })).toBe(3);
  });
  test("tags are counted and read", () => {
    expect(frequentTags(tracks, 2)).toEqual(["calm", "bossa"]);
    expect(readTags(" Lo-Fi, rain ,,rain ")).toEqual(["lo-fi", "rain"]);
  });
  test("masters are compared at the quieter one's loudness", () => {
    const [before, after] = levelled(-20, -14);
    expect(before).toBe(0);
    expect(after).toBeCloseTo(-6);
    expect(levelled(-14, -20)).toEqual([-6, 0]);
  });
  test("a cover follows from its id, and ids differ", () => {
    expect(coverOf("a")).toEqual(coverOf("a"));
    const looks = new Set(Array.from({ length: 50 }, (_, at) => JSON.stringify(coverOf(`track-${at}`))));
    expect(looks.size).toBeGreaterThan(45);
  });
  test("a surprise is a sentence that nobody has to mend", () => {
    for (const value of [0, 0.5, 0.999]) expect(surprise(() => value)).toMatch(/^\w.{20,}$/);
  });
});

describe("what was understood", () => {
  const spec = {
    genre: "lofi",
    mood: "",
    bpm: 80,
    key: "Eb dorian",
    energy: 0.4,
    instruments: [],
    structure: [{ section: "verse", bars: 4 }],
    understood: {
      explicit: ["genre", "bpm", "structure"],
      notes: ["a note"],
      parts: [{ name: "keys" }, { name: "bass" }],
    },
  };
  test("names the parts that play when nobody asked for instruments", () => {
    expect(readUnderstood(spec)).toMatchObject({
      genre: "lofi",
      bpm: 80,
      instruments: ["keys", "bass"],
      notes: ["a note"],
    });
    expect(readUnderstood({ genre: 3 })).toMatchObject({ genre: "", bpm: null });
  });
  test("a correction keeps what was asked for and leaves the rest open", () => {
    expect(specWith(spec, { mood: "dark" })).toEqual({ genre: "lofi", bpm: 80, mood: "dark" });
    expect(specWith(spec, { bpm: 120 })).toEqual({ genre: "lofi", bpm: 120 });
  });
});

describe("a device", () => {
  test.each([
    [
      "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Safari/537.36",
      "Chrome · Linux",
    ],
    [
      "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/141.0 Safari/537.36 Edg/141.0",
      "Edge · Windows",
    ],
    [
      "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1 Version/19.0 Safari/604.1",
      "Safari · iOS",
    ],
    ["Mozilla/5.0 (Macintosh; Intel Mac OS X 14.1; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox · macOS"],
    ["musicgen/0.1.0", "musicgen/0.1.0"],
    ["", ""],
  ])("%s", (agent, name) => expect(deviceName(agent)).toBe(name));
});
