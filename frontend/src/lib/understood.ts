/** What the composer understood of a prompt, as a track keeps it; fields are read with care because other models say other things. */
export type Understood = {
  genre: string;
  mood: string;
  bpm: number | null;
  key: string;
  energy: number | null;
  instruments: string[];
  explicit: string[];
  notes: string[];
};

const text = (value: unknown) => (typeof value === "string" ? value : "");
const list = (value: unknown) =>
  Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];

export function readUnderstood(spec: Record<string, unknown>): Understood {
  const about =
    typeof spec.understood === "object" && spec.understood !== null ? (spec.understood as Record<string, unknown>) : {};
  const parts = Array.isArray(about.parts) ? about.parts : [];
  const asked = list(spec.instruments);
  return {
    genre: text(spec.genre),
    mood: text(spec.mood),
    bpm: typeof spec.bpm === "number" ? spec.bpm : null,
    key: text(spec.key),
    energy: typeof spec.energy === "number" ? spec.energy : null,
    instruments: asked.length
      ? asked
      : parts.map((part) => text((part as Record<string, unknown>)?.name)).filter(Boolean),
    explicit: list(about.explicit),
    notes: list(about.notes),
  };
}

export type UnderstoodChange = Partial<Pick<Understood, "genre" | "mood" | "bpm" | "key" | "energy" | "instruments">>;

/** The `spec` that makes the same take again with some of it changed: what was asked for stays asked for. */
export function specWith(spec: Record<string, unknown>, change: UnderstoodChange): Record<string, unknown> {
  const { explicit } = readUnderstood(spec);
  const kept = Object.fromEntries(
    Object.entries(spec).filter(
      ([name, value]) => explicit.includes(name) && name !== "structure" && value !== "" && value !== null,
    ),
  );
  return { ...kept, ...change };
}
