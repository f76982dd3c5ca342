// A clock that is moved by hand, a Latch of its own rules, and a network between: what a test needs to script a client's life.
import { LatchError, createLatchClient, memoryStorage } from "../dist/latch.js";

export { LatchError };
export const MOBILE = "13800138000";
export const CODE = "246810";

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Time passes only while somebody waits for it. */
export class VirtualClock {
  time = 1_767_225_600_000;
  offset = 0;
  #timers = [];
  #count = 0;

  now = () => this.time + this.offset;

  after = (milliseconds, run) => {
    const timer = { at: this.time + Math.max(0, milliseconds), number: this.#count++, run };
    this.#timers.push(timer);
    return () => (this.#timers = this.#timers.filter((other) => other !== timer));
  };

  sleep = (milliseconds) => new Promise((resolve) => this.after(milliseconds, resolve));

  /** What `work` comes to, with time passing as it waits. */
  async run(work) {
    let isOver = false;
    const over = () => (isOver = true);
    work.then(over, over);
    for (;;) {
      await turn();
      if (isOver) return work;
      if (!this.#next()) throw new Error("nothing is left to wait for");
    }
  }

  /** Lets so much time pass. */
  pass(milliseconds) {
    return this.run(this.sleep(milliseconds));
  }

  #next() {
    const [first] = this.#timers.sort((a, b) => a.at - b.at || a.number - b.number);
    if (!first) return false;
    this.#timers.shift();
    this.time = first.at;
    first.run();
    return true;
  }
}

/** The refresh rule of docs/refresh.md, for one user. */
export class Latch {
  sessions = [];
  logins = new Map();
  calls = [];
  codes = 0;
  #made = 0;
  life = 3600;

  constructor(clock) {
    this.clock = clock;
  }

  get live() {
    return this.sessions.find((session) => !session.ended);
  }

  end(reason) {
    for (const session of this.sessions) session.ended ??= reason;
  }

  /** Access tokens die, as by DEL. */
  forgetTokens() {
    for (const session of this.sessions) session.access.clear();
  }

  handle(call) {
    this.calls.push(call);
    const token = call.headers.Authorization?.slice("Bearer ".length);
    const path = call.url.replace(/^.*\/app\/v1_0/, "");
    if (path === "/sms/codes") return this.#code(JSON.parse(call.body));
    if (path === "/user") return this.accepts(token) ? ok({ id: 42 }) : refusal(401, "invalid_token");
    if (call.method === "POST") return this.#logIn(call.headers["X-Request-ID"], JSON.parse(call.body).code);
    if (call.method === "PUT") return this.#refresh(token);
    if (!token) return refusal(401, "invalid_token");
    const session = this.#of(token);
    if (session) session.ended ??= "logged_out";
    return { status: 204, text: "", headers: {} };
  }

  accepts(token) {
    return this.sessions.some((one) => !one.ended && one.access.get(token) > this.clock.time);
  }

  refreshes() {
    return this.calls.filter((call) => call.method === "PUT").length;
  }

  #code({ mobile }) {
    this.codes++;
    return ok({ mobile, expires_in: 300, resend_after: 60 });
  }

  #logIn(id, code) {
    const done = this.logins.get(id);
    if (done) return done;
    if (code !== CODE) return refusal(400, "invalid_code");
    const session = { id: `s${this.sessions.length}`, access: new Map(), known: [], pending: [] };
    session.current = this.#secret(session);
    this.sessions.push(session);
    const answer = ok({ ...this.#pair(session, session.current), is_new_user: true });
    this.logins.set(id, answer);
    return answer;
  }

  #refresh(token) {
    const session = this.#of(token);
    if (!session) return refusal(403, "invalid_refresh_token");
    if (session.ended) return refusal(403, "session_ended", { reason: session.ended });
    const next = this.#successor(session, token);
    return next ? ok(this.#pair(session, next)) : refusal(403, "session_ended", { reason: session.ended });
  }

  #successor(session, token) {
    const now = this.clock.time;
    const isYoung = ({ at }) => now - at < 60_000;
    const pending = session.pending.find((one) => one.token === token);
    if (pending && isYoung(pending)) return pending.token;
    if (pending) {
      session.previous = { token: session.current, at: now };
      session.current = pending.token;
      session.pending = [];
    } else if (session.previous?.token === token && isYoung(session.previous)) return session.current;
    else if (token !== session.current) return void (session.ended = "reused");
    const newest = session.pending.at(-1);
    if (newest && isYoung(newest)) return newest.token;
    const next = { token: this.#secret(session), at: now };
    session.pending.push(next);
    return next.token;
  }

  #of(token) {
    return this.sessions.find((session) => session.known.includes(token));
  }

  #secret(session) {
    const secret = `refresh-${this.#made++}`;
    session.known.push(secret);
    return secret;
  }

  #pair(session, refresh_token) {
    const token = `access-${this.#made++}`;
    session.access.set(token, this.clock.time + this.life * 1000);
    return { token, refresh_token, expires_in: this.life, user_id: 42, session_id: session.id };
  }
}

export const json = (status, body, headers = {}) => ({ status, text: JSON.stringify(body), headers });
export const html = (status) => ({ status, text: `<h1>${status}</h1>`, headers: {} });
export const ok = (data) => json(200, { message: "ok", data });
export const refusal = (status, error, more = {}, headers = {}) =>
  json(status, { message: "No.", error, request_id: "of-the-body-0000", ...more }, headers);
export const never = () => new Promise(() => {});
export const broken = () => Promise.reject(new TypeError("Failed to fetch"));

/** Latch, a client in front of it, and what is done to each request on the way. */
export class World {
  clock = new VirtualClock();
  latch = new Latch(this.clock);
  storage = memoryStorage();
  /** What becomes of a request to Latch, given what sends it on; of the app's the same, with a status of the backend. */
  network = (arrive) => arrive();
  backend = (arrive) => arrive();
  reasons = [];
  worked = 0;

  transport = {
    call: async (call) => {
      const { status, text, headers } = await this.network(async () => this.latch.handle(call), call);
      return { status, text, header: (name) => headers[name] };
    },
    send: async (token) => {
      this.worked++;
      const status = await this.backend(async () => (this.latch.accepts(token) ? 200 : 401), token);
      return { status, done: () => status };
    },
    repeats: (isOnce) => !isOnce,
  };

  client(options = {}) {
    const { clock, storage, transport } = this;
    const onLoggedOut = (reason) => this.reasons.push(reason);
    return createLatchClient({ url: "https://latch.example/", clock, storage, transport, onLoggedOut, ...options });
  }

  async loggedIn(options) {
    const client = this.client(options);
    await this.run(client.logIn(MOBILE, CODE));
    this.latch.calls = [];
    return client;
  }

  run(work) {
    return this.clock.run(work);
  }

  async thrown(work) {
    const error = await this.run(work.then(() => undefined, (found) => found));
    if (!(error instanceof LatchError)) throw new Error(`no LatchError: ${error}`);
    return error;
  }
}

/** A storage that several clients share, as tabs share theirs. */
export function sharedStorage(clock) {
  const values = new Map();
  const tabs = new Set();
  const tab = () => {
    const mine = new Map();
    tabs.add(mine);
    return {
      get: (key) => values.get(key),
      set(key, value) {
        values.set(key, value);
        for (const other of tabs) if (other !== mine && other.has(key)) clock.after(5, other.get(key));
      },
      watch(key, changed) {
        mine.set(key, changed);
        return () => mine.delete(key);
      },
    };
  };
  return { tab, values };
}

/** Web Locks of this process, in place of Node's own. */
export function setLocks(locks) {
  Object.defineProperty(globalThis, "navigator", { value: { locks }, configurable: true });
}

export function fairLocks() {
  const queues = new Map();
  return {
    async request(name, { signal }, run) {
      const before = queues.get(name) ?? Promise.resolve();
      let release;
      queues.set(name, new Promise((resolve) => (release = resolve)));
      const aborted = new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      try {
        await Promise.race([before, aborted]);
      } catch (error) {
        before.then(release);
        throw error;
      }
      return Promise.resolve(run()).finally(release);
    },
  };
}
