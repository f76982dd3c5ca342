import type { Calls } from "./calls.js";
import { unavailable } from "./calls.js";
import type { Clock } from "./clock.js";
import { LatchError } from "./errors.js";
import type { Session, SessionStore } from "./session.js";
import { sessionOf } from "./session.js";

export interface Refresher {
  /** A session with another access token than this one's. */
  renewed(old: Session): Promise<Session>;
  /** The session while its token is fresh; near its end the same, and another in the background; after it another one. */
  ahead(session: Session | undefined): Promise<Session | undefined>;
}

const ENDINGS = ["invalid_refresh_token", "session_ended", "invalid_token", "user_disabled"];
const PAUSE = 5000; // milliseconds between two refreshes in the background, where they fail

/** Refreshes, one at a time: who comes meanwhile waits for that one. */
export function refresherOf(
  store: SessionStore,
  calls: Calls,
  clock: Clock,
  alone: <T>(work: () => Promise<T>) => Promise<T>,
): Refresher {
  let underWay: Promise<Session> | undefined;
  let tried = 0; // when the last refresh in the background began; the clock may be set back

  /** Before each attempt and after it the store is read: another tab, a login or a log-out may have been faster, and counts. */
  const refresh = async (token: string): Promise<Session> => {
    for (let attempt = 1; ; attempt++) {
      const { session, reason } = await store.read();
      if (!session) throw new LatchError("session_ended", "Please log in again.", { status: 401, reason: reason || "expired" });
      if (session.token !== token) return session;
      const held = session.refresh_token;
      const { data, error } = await calls.ask({ method: "PUT", path: "/authorizations", token: held });
      const fresh = sessionOf(data, clock.now());
      const failure = error || unavailable();
      const { status } = failure;
      if (fresh) {
        if (await store.replace(held, { session: fresh })) return fresh;
      } else if ((status === 401 || status === 403) && ENDINGS.includes(failure.error)) {
        const why = failure.reason || (failure.error === "user_disabled" ? "disabled" : "expired");
        if (await store.replace(held, { reason: why })) throw failure;
      } else if (!(await calls.again(attempt, failure))) {
        throw unavailable(failure);
      }
    }
  };

  const once = (token: string): Promise<Session> => {
    if (!underWay) {
      const over = () => void (underWay = undefined);
      underWay = alone(() => refresh(token));
      underWay.then(over, over);
    }
    return underWay;
  };

  const renewed = async (old: Session): Promise<Session> => {
    const found = await once(old.token);
    return found.token === old.token ? once(old.token) : found; // it had begun for an older one
  };

  const ahead = async (session: Session | undefined): Promise<Session | undefined> => {
    const now = clock.now();
    if (!session || now < session.refresh_at) return session;
    if (now >= session.expires_at) return renewed(session);
    if (Math.abs(now - tried) >= PAUSE) {
      tried = now;
      renewed(session).catch(() => {});
    }
    return session;
  };

  return { renewed, ahead };
}
