import type { Reason } from "./errors.js";
import type { LatchStorage } from "./storage.js";

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

export interface SessionStore {
  /** Rejects only where nothing is known yet and the storage fails: that is no log-out. */
  read(): Promise<Kept>;
  /** What was last heard of, without asking the storage. */
  known(): Kept;
  /** Memory holds it at once. Never rejects. */
  write(next: Kept): Promise<unknown>;
  /** Puts `next` in the place of the session with this refresh token. False where another is there, or none. */
  replace(refreshToken: string, next: Kept): Promise<boolean>;
}

/** A session of what Latch has answered; undefined for junk, as are tokens that cannot stand in a header. */
export function sessionOf(data: any, now: number): Session | undefined {
  const { token, refresh_token, expires_in, session_id, user_id } = data || {};
  const life = expires_in * 1000;
  const isWhole = [token, refresh_token].every((one) => typeof one === "string" && /^[!-~]+$/.test(one)) && life > 0;
  if (!isWhole) return;
  const expires_at = now + life;
  return { token, refresh_token, expires_at, refresh_at: expires_at - Math.min(life / 10, 60_000), session_id, user_id };
}

/**
 * The session, in memory and in a storage. A storage that fails or hangs loses nobody: what it holds from before is
 * then stale, and memory counts until it can be written.
 */
export function storeIn(
  storage: LatchStorage,
  key: string,
  changed: (now: Kept, before: Kept | undefined) => void,
): SessionStore {
  let kept: Kept | undefined;
  let text: string | undefined; // what the storage held when it was last heard
  let stale: string | undefined;
  let writing: Promise<unknown> = Promise.resolve();

  /** What is read first is no change. */
  const adopt = (next: Kept, before: Kept | undefined = kept) => {
    kept = next;
    changed(next, before);
  };

  /** One after the other, so that the last one stays. */
  const save = () => {
    const next = JSON.stringify(kept);
    const set = async () => storage.set(key, next);
    const written = () => {
      text = next;
      stale = undefined;
    };
    const failed = () => void (stale = text || "");
    return (writing = writing.then(set).then(written, failed));
  };

  const known = () => kept || {};

  const write = (next: Kept) => {
    adopt(next, known());
    return save();
  };

  const read = async () => {
    if (kept && !storage.watch) return kept;
    try {
      await writing;
      let found = storage.get(key);
      // What is there at once is read at once: no other tab has written meanwhile.
      if (found && typeof found === "object") found = await found;
      found = found || "";
      if (kept && found === stale) void save();
      else if (!kept || found !== text) {
        text = found;
        adopt(parsed(found));
      }
    } catch (error) {
      if (!kept) throw error;
    }
    return known();
  };

  const replace = async (refreshToken: string, next: Kept) => {
    const { session } = await read();
    const isThere = !!session && session.refresh_token === refreshToken;
    if (isThere) await write(next);
    return isThere;
  };

  return { read, known, write, replace };
}

function parsed(text: string): Kept {
  try {
    const { session, reason } = JSON.parse(text);
    return session && session.token && session.refresh_token ? { session } : { reason };
  } catch {
    return {};
  }
}
