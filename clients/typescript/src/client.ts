import type { Patience } from "./calls.js";
import { Calls, mayPass } from "./calls.js";
import type { Clock } from "./clock.js";
import { systemClock } from "./clock.js";
import { Countdown } from "./countdown.js";
import type { Reason } from "./errors.js";
import { LatchError } from "./errors.js";
import type { Lock } from "./lock.js";
import { lockOf } from "./lock.js";
import { randomId } from "./random.js";
import type { Kept, Session } from "./session.js";
import { sessionOf, SessionStore } from "./session.js";
import type { Storage } from "./storage.js";
import type { Transport } from "./transport.js";

export interface Options<A extends unknown[], R> extends Partial<Patience> {
  /** Where Latch is, without `/app/v1_0`; empty: where the page is. */
  url: string;
  transport: Transport<A, R>;
  storage: Storage;
  /** Called when the session has ended, in every tab, and why. To log in again is the person's to decide. */
  onLoggedOut?: (reason: Reason) => void;
  /** Shown in the list of devices, like "Ada's phone". */
  deviceName?: string;
  /** More headers for requests to Latch, like Accept-Language. */
  headers?: () => Record<string, string>;
  /** Begins the names of what is kept in the storage; "latch". */
  key?: string;
  clock?: Clock;
  /** How long a tab waits for the refresh of another before it makes its own, in milliseconds; 5,000. */
  lockWait?: number;
}

/** Who is logged in, or why nobody is any more. */
export interface State {
  loggedIn: boolean;
  userId?: number;
  sessionId?: string;
  reason?: Reason;
}

export interface LoggedIn {
  userId: number;
  sessionId: string;
  isNewUser: boolean;
}

export interface CodeOptions {
  /** "change" and "erase" are for who is logged in. */
  purpose?: "login" | "change" | "erase";
  captchaToken?: string;
  channel?: "sms" | "voice" | "whatsapp";
}

export interface CodeSent {
  mobile: string;
  /** Seconds. */
  expiresIn: number;
  resendAfter: number;
}

const ENDINGS = ["invalid_refresh_token", "session_ended", "invalid_token", "user_disabled"];
const REPEATS_FOR = 30_000; // milliseconds in which Latch knows a repeated login

/** A device of a person's. Make one for the whole app. It logs nothing, and throws `LatchError`. */
export class LatchClient<A extends unknown[], R> {
  private readonly clock: Clock;
  private readonly key: string;
  private readonly calls: Calls;
  private readonly lock: Lock;
  private readonly store: SessionStore;
  private readonly codes: Countdown;
  private readonly listeners = new Set<(state: State) => void>();
  private readonly stop: (() => void) | undefined;
  private refreshing: Promise<Session> | undefined;
  private aheadAt = 0;
  private device: Promise<string> | undefined;

  constructor(private readonly options: Options<A, R>) {
    const { url, transport, storage, headers, timeout = 10_000 } = options;
    const { attempts = 4, backoff = 500, longestPause = 10_000 } = options;
    const key = (this.key = options.key || "latch");
    const clock = (this.clock = options.clock || systemClock);
    const patience = { timeout: Math.min(timeout, 10_000), attempts, backoff, longestPause };
    this.calls = new Calls(url.replace(/\/+$/, ""), transport, headers || (() => ({})), clock, patience);
    this.lock = lockOf(clock, storage);
    this.codes = new Countdown(storage, key + ".code", clock);
    this.store = new SessionStore(storage, key, clock, (now, before) => this.changed(now, before));
    this.stop = storage.watch && storage.watch(key, () => void this.store.read().catch(() => {}));
  }

  /** Sends a code. 403 `captcha_required`: once more with a `captchaToken`; 429: after `retryAfter` seconds. */
  async requestCode(mobile: string, { purpose, captchaToken, channel }: CodeOptions = {}): Promise<CodeSent> {
    const body = { mobile, purpose, captcha_token: captchaToken, channel };
    const isPublic = !purpose || purpose === "login";
    const ask = { method: "POST", path: "/sms/codes", body };
    try {
      const sent = await (isPublic ? this.calls.data<any>(ask) : this.call<any>("POST", ask.path, body));
      await this.codes.begin(mobile, sent.resend_after || 0);
      return { mobile: sent.mobile, expiresIn: sent.expires_in, resendAfter: sent.resend_after };
    } catch (error) {
      const { status, retryAfter } = error as LatchError;
      if (status === 429 && retryAfter) await this.codes.begin(mobile, retryAfter);
      throw error;
    }
  }

  /** Seconds until a code may be asked for again, told at once and each second, down to 0, also after a reload. Returns what stops it. */
  countdown(mobile: string, tell: (seconds: number) => void): () => void {
    return this.codes.watch(mobile, tell);
  }

  /** Opens a session. Repeated where the answer is lost: a code is good once. 400 `invalid_code`: a wrong one. */
  async logIn(mobile: string, code: string): Promise<LoggedIn> {
    const { deviceName } = this.options;
    const headers = {
      "X-Request-ID": randomId(),
      "X-Device-Id": await this.deviceId(),
      ...(deviceName && { "X-Device-Name": encodeURIComponent(deviceName) }),
    };
    const began = this.clock.now();
    for (let attempt = 1; ; attempt++) {
      const answer = await this.heard({ method: "POST", path: "/authorizations", body: { mobile, code }, headers });
      const session = sessionOf(answer, this.clock.now());
      if (session) {
        await this.store.write({ session });
        return { userId: session.user_id, sessionId: session.session_id, isNewUser: !!answer.is_new_user };
      }
      if (!mayPass(answer) || answer.status === 429 || !(await this.calls.pause(attempt, answer))) throw answer;
      const passed = this.clock.now() - began;
      if (passed < 0 || passed > REPEATS_FOR - this.calls.patience.timeout) throw answer;
    }
  }

  /**
   * Sends a request of the app's to a backend of its own, with the access token: refreshed ahead of its end, and once
   * after a 401, whereupon the request is sent once more. Any other answer is the app's. Nobody logged in: without a token.
   */
  async request(...request: A): Promise<R> {
    const { transport } = this.options;
    let tried: unknown;
    let { session } = await this.store.read();
    if (session && session.refresh_at <= this.clock.now()) {
      try {
        session = await this.ahead(session);
      } catch (error) {
        if (!this.store.known.session) throw error;
        tried = error; // and the token as it is: the clock may be wrong
      }
    }
    const sent = await transport.send(session && session.token, ...request);
    if (sent.status !== 401 || !session) return sent.done();
    const fresh = await this.renewed(session, tried);
    if (!transport.repeats(...request)) {
      throw new LatchError("cannot_repeat", "The token is fresh. Please send the request again.", { status: 401 });
    }
    return (await transport.send(fresh.token, ...request)).done();
  }

  /** Asks a route of Latch's as who is logged in: `call("GET", "/user")`. Returns its `data`. */
  async call<T>(method: string, path: string, body?: object): Promise<T> {
    let { session } = await this.store.read();
    if (session && session.refresh_at <= this.clock.now()) session = await this.ahead(session).catch(() => session);
    const answer = await this.calls.ask({ method, path, body, token: session && session.token });
    if (answer.status < 400) return answer.body;
    if (answer.status !== 401 || !session) throw answer.body;
    const { token } = await this.renewed(session);
    return this.calls.data<T>({ method, path, body, token });
  }

  /** A token that is good now, for what this client does not send itself, like a WebSocket. Undefined: nobody is logged in. */
  async token(): Promise<string | undefined> {
    const { session } = await this.store.read();
    return session && (session.refresh_at > this.clock.now() ? session : await this.ahead(session)).token;
  }

  /** Ends the session here at once, whatever is under way, and then at Latch. False: Latch has not heard of it. */
  async logOut(): Promise<boolean> {
    const { session } = await this.store.read().catch(() => this.store.known);
    if (!session) return true;
    const written = this.store.write({ reason: "logged_out" });
    // The refresh token: with an access token that has run out nothing would be ended.
    const told = await this.calls
      .ask({ method: "DELETE", path: "/authorizations", token: session.refresh_token })
      .catch(({ status }: LatchError) => ({ status: status || 500 }));
    await written;
    return told.status < 400;
  }

  /** Who is logged in, as the storage has it. */
  async state(): Promise<State> {
    return stateOf(await this.store.read());
  }

  /** Calls `listener` when somebody logs in or is logged out, in any tab. Returns what stops it. */
  subscribe(listener: (state: State) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener) as unknown as void;
  }

  /** Hears no other tabs any more. Only where clients come and go, as in tests. */
  close(): void {
    this.stop && this.stop();
    this.listeners.clear();
  }

  private changed(now: Kept, before: Kept | undefined): void {
    const { session, reason = "logged_out" } = now;
    const old = before && before.session;
    if (before && session ? old && old.session_id === session.session_id : !old) return;
    const state = stateOf(now);
    // Later, so that no listener holds up a refresh. What it throws is the app's to hear.
    for (const listener of this.listeners) void Promise.resolve(state).then(listener);
    const { onLoggedOut } = this.options;
    if (!session && onLoggedOut) void Promise.resolve(reason).then(onLoggedOut);
  }

  /** Before the end in the background, with the token as it is; after it a fresh one, or an error. */
  private ahead(session: Session): Promise<Session> {
    const now = this.clock.now();
    if (session.expires_at <= now) return this.renewed(session);
    const pause = this.aheadAt - now;
    if (!(pause > 0 && pause <= PAUSE)) {
      this.aheadAt = now + PAUSE;
      this.renewed(session).catch(() => {});
    }
    return Promise.resolve(session);
  }

  /** A session with another access token than this one's. Throws `tried` where that has just failed. */
  private async renewed(old: Session, tried?: unknown): Promise<Session> {
    const { session } = await this.store.read();
    if (session && session.token !== old.token) return session;
    if (tried) throw tried;
    const found = await this.refresh(old);
    return found.token === old.token ? this.refresh(old) : found; // it had begun for an older one
  }

  private refresh(old: Session): Promise<Session> {
    if (!this.refreshing) {
      const { lockWait = 5000 } = this.options;
      const ended = () => void (this.refreshing = undefined);
      this.refreshing = this.lock(this.key + ".lock", lockWait, () => this.refreshNow(old.token));
      this.refreshing.then(ended, ended);
    }
    return this.refreshing;
  }

  /** Before each attempt and after it the store is read: another tab, a login or a log-out may have been faster, and counts. */
  private async refreshNow(token: string): Promise<Session> {
    for (let attempt = 1; ; attempt++) {
      const { session, reason } = await this.store.read();
      if (!session) throw new LatchError("session_ended", "You have been logged out.", { status: 401, reason: reason || "expired" });
      if (session.token !== token) return session;
      const held = session.refresh_token;
      const answer = await this.heard({ method: "PUT", path: "/authorizations", token: held });
      const fresh = sessionOf(answer, this.clock.now());
      if (fresh) {
        await this.store.replace(held, { session: fresh });
      } else if ((answer.status === 401 || answer.status === 403) && ENDINGS.includes(answer.error)) {
        const why = answer.error === "user_disabled" ? "disabled" : answer.reason || "expired";
        if (await this.store.replace(held, { reason: why })) throw answer;
      } else if (!(await this.calls.pause(attempt, answer))) {
        const { status, retryAfter, requestId } = answer as LatchError;
        throw new LatchError("unavailable", answer.message || "", { status, retryAfter, requestId } as object);
      }
    }
  }

  /** Data of Latch's, or the error that it was instead; junk in a success is one, too. */
  private async heard(ask: Parameters<Calls["ask"]>[0]): Promise<any> {
    try {
      const { status, body } = await this.calls.ask(ask);
      return status >= 400 || sessionOf(body, 0) ? body : new LatchError("unavailable", "Latch cannot be reached. Please try again later.", { status });
    } catch (error) {
      return error;
    }
  }

  private deviceId(): Promise<string> {
    return (this.device = this.device || this.keptDeviceId());
  }

  private async keptDeviceId(): Promise<string> {
    const { storage } = this.options;
    const name = this.key + ".device";
    let id: string | null | undefined;
    try {
      id = await storage.get(name);
      if (!id) await storage.set(name, (id = randomId()));
    } catch {
      // one for this run, then
    }
    return id || randomId();
  }
}

const PAUSE = 5000; // milliseconds between two refreshes ahead of the end, where they fail

function stateOf({ session, reason }: Kept): State {
  if (session) return { loggedIn: true, userId: session.user_id, sessionId: session.session_id };
  return { loggedIn: false, ...(reason && { reason }) };
}
