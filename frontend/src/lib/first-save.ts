import { idempotencyKey } from "./api/client";

/**
 * Makes one thing of a project, however quickly and often it is asked for: while a request is on its way, everybody gets its
 * answer; when the answer was lost, the same content is sent under the same key, which the server answers as before.
 */
export class FirstSave<T> {
  private readonly onTheirWay = new Map<string, Promise<T>>();
  private readonly tried = new Map<string, { content: string; key: string }>();

  constructor(private readonly newKey: () => string = idempotencyKey) {}

  make(projectId: string, content: string, send: (key: string) => Promise<T>): Promise<T> {
    const there = this.onTheirWay.get(projectId);
    if (there) return there;
    const before = this.tried.get(projectId);
    const key = before?.content === content ? before.key : this.newKey();
    this.tried.set(projectId, { content, key });
    const sent = send(key)
      .then((made) => {
        this.tried.delete(projectId);
        return made;
      })
      .finally(() => this.onTheirWay.delete(projectId));
    this.onTheirWay.set(projectId, sent);
    return sent;
  }
}
