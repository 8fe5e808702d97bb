import { describe, expect, test } from "vitest";
import { FirstSave } from "@/lib/first-save";

function server() {
  const made = new Map<string, string>();
  const keys: string[] = [];
  let lost = 0;
  return {
    made,
    keys,
    loseAnswers: (count: number) => (lost = count),
    send: (content: string) => async (key: string) => {
      keys.push(key);
      await Promise.resolve();
      made.set(key, made.get(key) ?? content);
      if (lost-- > 0) throw new Error("the answer was lost");
      return key;
    },
  };
}

let number = 0;
const saves = () => new FirstSave<string>(() => `key-${(number += 1)}`);

describe("the first save of a project", () => {
  test("two presses make one mix", async () => {
    const mixes = server();
    const first = saves();
    const answers = await Promise.all([
      first.make("song", "a", mixes.send("a")),
      first.make("song", "a with a note", mixes.send("a with a note")),
    ]);
    expect(mixes.keys).toHaveLength(1);
    expect(answers[0]).toBe(answers[1]);
  });

  test("an answer that was lost is asked for again under its key", async () => {
    const mixes = server();
    const first = saves();
    mixes.loseAnswers(1);
    await expect(first.make("song", "a", mixes.send("a"))).rejects.toThrow("lost");
    await first.make("song", "a", mixes.send("a"));
    expect(mixes.keys).toHaveLength(2);
    expect(mixes.made.size).toBe(1);
  });

  test("other content is another request, and so is another project", async () => {
    const mixes = server();
    const first = saves();
    mixes.loseAnswers(1);
    await expect(first.make("song", "a", mixes.send("a"))).rejects.toThrow("lost");
    await Promise.all([first.make("song", "b", mixes.send("b")), first.make("other", "a", mixes.send("a"))]);
    expect(new Set(mixes.keys).size).toBe(3);
  });

  test("what was made once may be begun anew", async () => {
    const mixes = server();
    const first = saves();
    await first.make("song", "a", mixes.send("a"));
    await first.make("song", "a", mixes.send("a"));
    expect(mixes.made.size).toBe(2);
  });
});
