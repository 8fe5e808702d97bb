/** Where a project is kept, as far as this needs a browser's store. */
type Store = Pick<Storage, "getItem" | "setItem">;

/**
 * Keeps one project as text, and never writes over what another tab kept meanwhile: that is a conflict, which somebody
 * has to settle. `onConflict` hears of it once, and that it is over.
 */
export class Autosave {
  private known: string | null;
  private torn = false;

  constructor(
    private readonly store: () => Store,
    private readonly key: string,
    private readonly onConflict: (conflict: boolean) => void,
  ) {
    this.known = this.read();
  }

  /** What was kept when this tab opened it, or what it kept since. */
  get text(): string | null {
    return this.known;
  }

  /** Keep this; false where another tab's work would be lost by it, or the store takes nothing. */
  keep(text: string): boolean {
    const there = this.read();
    if (there !== this.known && there !== null && there !== text) {
      this.tear(true);
      return false;
    }
    return this.write(text);
  }

  /** Another tab kept something. Returns it, unless this tab has changes that are not kept: then it is a conflict. */
  heard(changed: boolean): string | null {
    const there = this.read();
    if (there === null || there === this.known) return null;
    if (changed) {
      this.tear(true);
      return null;
    }
    this.known = there;
    return there;
  }

  /** Settle it for this tab: what the other one kept is written over. */
  overwrite(text: string): boolean {
    const written = this.write(text);
    if (written) this.tear(false);
    return written;
  }

  /** Settle it for the other tab: what that one kept. */
  take(): string | null {
    this.known = this.read();
    this.tear(false);
    return this.known;
  }

  private tear(torn: boolean): void {
    if (this.torn === torn) return;
    this.torn = torn;
    this.onConflict(torn);
  }

  private read(): string | null {
    try {
      return this.store().getItem(this.key);
    } catch {
      return null;
    }
  }

  private write(text: string): boolean {
    try {
      this.store().setItem(this.key, text);
      this.known = text;
      return true;
    } catch {
      // The browser's store is full or closed: the bounce still has everything.
      return false;
    }
  }
}
