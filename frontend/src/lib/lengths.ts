/** Lengths of a take that are offered, in seconds. */
const LENGTHS = [15, 30, 60, 90, 120, 180, 240, 300, 600];

/** What bounds a take: the model's longest, and the account's; undefined while it is not known. */
export type Bounds = { model: number | undefined; account: number | undefined };

/** The lengths that may be chosen; null as long as it is not known which, so that none is offered that then vanishes. */
export function offeredLengths({ model, account }: Bounds): number[] | null {
  if (model === undefined || account === undefined) return null;
  return LENGTHS.filter((seconds) => seconds <= Math.min(model, account));
}

/** The wanted length, or the longest that is offered where that is too long. */
export function fittingLength(wanted: number, offered: readonly number[] | null): number {
  return Math.min(wanted, offered?.at(-1) ?? wanted);
}
