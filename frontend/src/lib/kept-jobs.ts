/** Which jobs this tab began, by the place of the page where: a reload must not lose sight of them. */

const PREFIX = "studio.job.";

/** The job that was begun at this place and is not over yet, as far as this tab knows. */
export function keptJob(place: string): string | null {
  return sessionStorage.getItem(PREFIX + place);
}

/** Keep the job of this place for a reload; null: there is none any more. */
export function keepJob(place: string, id: string | null): void {
  if (id) sessionStorage.setItem(PREFIX + place, id);
  else sessionStorage.removeItem(PREFIX + place);
}

/** Forget them all: nobody who signs in next in this tab shall see them. */
export function forgetJobs(): void {
  Object.keys(sessionStorage)
    .filter((key) => key.startsWith(PREFIX))
    .forEach((key) => sessionStorage.removeItem(key));
}
