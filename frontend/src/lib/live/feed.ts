import type { Job, JobStatus } from "@/lib/api/client";

/** A job's event as the WebSocket carries it: the same types and data as the server-sent events. */
export type JobMessage = { job_id: string; type: string; data: Record<string, unknown>; id?: string };

/** Whether a text off the socket says that somebody did something with one's music. */
export function isNotification(text: string): boolean {
  try {
    return (JSON.parse(text) as { type?: unknown } | null)?.type === "notification";
  } catch {
    return false;
  }
}

type FeedOptions = {
  url: string;
  /** What changed of a job. */
  onJob: (jobId: string, change: Partial<Job>) => void;
  /** Somebody did something that concerns one. */
  onNotification?: () => void;
  /** Something may have been missed: the connection came up, or came up again. */
  onGap: () => void;
  /** Whether the server answers: false once a new attempt has failed, too. */
  onReach?: (reached: boolean) => void;
  /** Ask the server; called every `pollMilliseconds` while the socket is down and something is being made. */
  poll: () => void;
  openSocket?: (url: string) => WebSocket;
  pollMilliseconds?: number;
};

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;
// A connection that broke without a word, as when a laptop sleeps, is found out by a ping that nobody answers.
const PING_MS = 15_000;

/** The wait before attempt number `attempt` (from 0): doubling, bounded, spread by `random` (0…1) so that not all come at once. */
export function reconnectDelay(attempt: number, random: number): number {
  const full = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attempt);
  return full / 2 + (full / 2) * random;
}

const STATUSES: readonly string[] = ["queued", "running", "succeeded", "failed", "cancelled"];

/** What an event says about its job, as fields of the job; null for events that change none. */
export function changeOf(message: Pick<JobMessage, "type" | "data">): Partial<Job> | null {
  const { type, data } = message;
  if (type === "done") return data as Partial<Job>;
  if (type === "error") return { status: "failed", error: data as Job["error"] };
  if (type !== "status" && type !== "progress") return null;
  const change: Partial<Job> = {};
  if (typeof data.progress === "number") change.progress = data.progress;
  if (typeof data.stage === "string") change.stage = data.stage;
  if (typeof data.eta_seconds === "number") change.eta_seconds = data.eta_seconds;
  if (typeof data.queue_position === "number" || data.queue_position === null)
    change.queue_position = data.queue_position as number | null;
  if (typeof data.status === "string" && STATUSES.includes(data.status)) change.status = data.status as JobStatus;
  else if (type === "progress") change.status = "running";
  if (change.status === "running") change.queue_position = null;
  return change;
}

/** One message off the socket; null when it is no event of a job. */
export function readMessage(text: string): JobMessage | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null) return null;
  const { job_id, type, data, id } = value as Record<string, unknown>;
  if (typeof job_id !== "string" || typeof type !== "string") return null;
  const body = typeof data === "object" && data !== null ? (data as Record<string, unknown>) : {};
  return { job_id, type, data: body, id: typeof id === "string" ? id : undefined };
}

/** Follows all of a person's jobs over one WebSocket; while it is down, asks instead, and keeps trying. */
export class LiveFeed {
  private socket: WebSocket | null = null;
  private attempt = 0;
  private reconnectTimer: ReturnType<typeof setTimeout> | null = null;
  private pollTimer: ReturnType<typeof setInterval> | null = null;
  private pingTimer: ReturnType<typeof setInterval> | null = null;
  /** Whether anything has come since the last ping. */
  private heard = false;
  private stopped = false;
  private open = false;
  /** Whether something is being made, so that asking makes sense. */
  busy = false;

  constructor(private readonly options: FeedOptions) {}

  start(): void {
    this.stopped = false;
    this.connect();
    this.pollTimer = setInterval(() => {
      if (!this.open && this.busy) this.options.poll();
    }, this.options.pollMilliseconds ?? 1000);
    this.pingTimer = setInterval(() => this.ping(), PING_MS);
  }

  stop(): void {
    this.stopped = true;
    if (this.reconnectTimer) clearTimeout(this.reconnectTimer);
    if (this.pollTimer) clearInterval(this.pollTimer);
    if (this.pingTimer) clearInterval(this.pingTimer);
    this.socket?.close();
    this.socket = null;
    this.open = false;
  }

  /** The connection may be back: do not wait for the next attempt's turn. */
  wake(): void {
    if (this.stopped || this.reconnectTimer === null) return;
    clearTimeout(this.reconnectTimer);
    this.attempt = 0;
    this.connect();
  }

  private ping(): void {
    if (!this.open || !this.socket) return;
    if (!this.heard) {
      // Closing a dead connection takes as long as waiting for its end: it is left to itself.
      const dead = this.socket;
      this.lost(dead);
      dead.close();
      return;
    }
    this.heard = false;
    this.socket.send(JSON.stringify({ type: "ping" }));
  }

  private lost(socket: WebSocket): void {
    if (this.stopped || this.socket !== socket) return;
    this.open = false;
    this.socket = null;
    this.reconnectTimer = setTimeout(() => this.connect(), reconnectDelay(this.attempt, Math.random()));
    this.attempt += 1;
    if (this.attempt > 1) this.options.onReach?.(false);
  }

  private connect(): void {
    this.reconnectTimer = null;
    const open = this.options.openSocket ?? ((url: string) => new WebSocket(url));
    const socket = open(this.options.url);
    this.socket = socket;
    socket.onopen = () => {
      this.open = true;
      this.heard = true;
      this.attempt = 0;
      this.options.onReach?.(true);
      this.options.onGap();
    };
    socket.onmessage = (event: MessageEvent) => {
      if (this.socket !== socket) return;
      this.heard = true;
      const message = typeof event.data === "string" ? readMessage(event.data) : null;
      const change = message && changeOf(message);
      if (message && change) this.options.onJob(message.job_id, change);
      else if (typeof event.data === "string" && isNotification(event.data)) this.options.onNotification?.();
    };
    socket.onclose = () => this.lost(socket);
  }
}
