/** One value that the server would not take: `pointer` is a JSON pointer into what was sent. */
export type FieldProblem = { pointer: string; detail: string };

/** What a request failed with. `kind` is the last part of the problem's type ("quota-exceeded"); "offline" when no answer came. */
export class ProblemError extends Error {
  constructor(
    readonly status: number,
    readonly kind: string,
    /** The server's own words; empty when it has none. */
    readonly detail: string,
    readonly fields: FieldProblem[],
    readonly retryAfterSeconds: number | null = null,
  ) {
    super(detail || kind);
    this.name = "ProblemError";
  }

  /** The sentence about one field, if the server gave one. */
  field(pointer: string): string | undefined {
    return this.fields.find((problem) => problem.pointer === pointer)?.detail;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** What a problem's type calls it: "/problems/quota-exceeded" is "quota-exceeded". */
export const kindOf = (type: string): string => type.split("/").pop() ?? "";

/** Read a problem document (RFC 9457); anything else becomes a problem of its status. */
export function problemOf(status: number, body: unknown, headers?: Headers): ProblemError {
  const record = isRecord(body) ? body : {};
  const type = typeof record.type === "string" ? record.type : "";
  const kind = kindOf(type) || (status >= 500 ? "unavailable" : "refused");
  const fields = Array.isArray(record.errors)
    ? record.errors
        .filter(isRecord)
        .map((item) => ({ pointer: String(item.pointer ?? ""), detail: String(item.detail ?? "") }))
    : [];
  const after = Number(headers?.get("retry-after"));
  const detail = typeof record.detail === "string" ? record.detail : "";
  return new ProblemError(status, kind, detail, fields, Number.isFinite(after) && after > 0 ? after : null);
}
