import type { Clock } from "./clock.js";
import { within } from "./clock.js";
import type { Reason } from "./errors.js";
import type { Storage } from "./storage.js";

/** What a device holds. Times are milliseconds by its own clock. Tokens say nothing: they are no JWTs. */
export interface Session {
  token: string;
  refresh_token: string;
  expires_at: number;
  /** When the next token is asked for, ahead of the end. */
  refresh_at: number;
  session_id: string;
  user_id: number;
}

/** A session, or why there is none any more; neither, where nobody has logged in. */
export interface Kept {
  session?: Session;
  reason?: Reason;
}

/** A session of what Latch has answered; undefined for junk. */
export function sessionOf(data: any, now: number): Session | undefined {
  const { token, refresh_token, session_id, user_id } = data || {};
  const life = data && data.expires_in * 1000;
  if (!token || typeof token !== "string" || !refresh_token || typeof refresh_token !== "string" || !(life > 0)) return;
  const expires_at = now + life;
  return { token, refresh_token, expires_at, refresh_at: expires_at - Math.min(life / 10, 60_000), session_id, user_id };
}

/**
 * The session, in memory and in a storage. A storage that fails or hangs loses nobody: what it holds from before is
 * then stale, and memory counts until it can be written.
 */
export class SessionStore {
  private kept: Kept | undefined;
  private text: string | undefined; // what the storage held when it was last heard
  private stale: string | undefined;
  private writing: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly storage: Storage,
    private readonly key: string,
    private readonly clock: Clock,
    private readonly changed: (now: Kept, before: Kept | undefined) => void,
  ) {}

  /** What was last heard of, without asking the storage. */
  get known(): Kept {
    return this.kept || {};
  }

  /** Rejects only where nothing is known yet and the storage fails: that is no log-out. */
  async read(): Promise<Kept> {
    if (this.kept && !this.storage.watch) return this.kept;
    let text: string;
    try {
      await this.writing;
      const found = this.storage.get(this.key);
      text = (typeof Object(found).then === "function" ? await this.bounded(async () => found) : found) as string;
      text = text || "";
    } catch (error) {
      if (this.kept) return this.kept;
      throw error;
    }
    if (text === this.stale) void this.save();
    else if (text !== this.text || !this.kept) {
      this.text = text;
      this.adopt(parsed(text));
    }
    return this.known;
  }

  /** Puts `next` in the place of the session with this refresh token. False where another is there, or none. */
  async replace(refreshToken: string, next: Kept): Promise<boolean> {
    const { session } = await this.read();
    if (!session || session.refresh_token !== refreshToken) return false;
    await this.write(next);
    return true;
  }

  /** Memory holds it at once. */
  write(next: Kept): Promise<unknown> {
    this.adopt(next);
    return this.save();
  }

  private adopt(next: Kept): void {
    const before = this.kept;
    this.kept = next;
    this.changed(next, before);
  }

  /** Never rejects. One after the other, so that the last one stays. */
  private save(): Promise<unknown> {
    const text = JSON.stringify(this.kept);
    return (this.writing = this.writing
      .then(() => this.bounded(async () => this.storage.set(this.key, text)))
      .then(
        () => {
          this.text = text;
          this.stale = undefined;
        },
        () => {
          this.stale = this.text || "";
        },
      ));
  }

  private bounded<T>(work: () => Promise<T>): Promise<T> {
    return within(this.clock, 5000, work());
  }
}

function parsed(text: string): Kept {
  try {
    const { session, reason } = JSON.parse(text);
    return session && session.token && session.refresh_token ? { session } : { reason };
  } catch {
    return {};
  }
}
