// src/clock.ts
var systemClock = {
  now: () => Date.now(),
  after(milliseconds, run) {
    const timer = setTimeout(run, milliseconds);
    return () => clearTimeout(timer);
  }
};
var sleep = (clock, milliseconds) => new Promise((resolve) => void clock.after(milliseconds, resolve));
var within = (clock, milliseconds, work) => new Promise((resolve, reject) => {
  const stop = clock.after(milliseconds, () => reject(new Error("timed out")));
  work.then(resolve, reject).then(stop);
});

// src/errors.ts
var LatchError = class extends Error {
  constructor(error, message, details = {}) {
    super(message);
    this.error = error;
    this.name = "LatchError";
    this.status = details.status || 0;
    this.fields = details.fields || {};
    this.reason = details.reason;
    this.retryAfter = details.retryAfter;
    this.requestId = details.requestId;
  }
};

// src/calls.ts
var BASE = "/app/v1_0";
var Calls = class {
  constructor(url, transport, headers, clock, patience) {
    this.url = url;
    this.transport = transport;
    this.headers = headers;
    this.clock = clock;
    this.patience = patience;
  }
  /** What Latch has answered, success or refusal. Throws `unavailable` where nobody has, or somebody else. */
  async ask({ method, path, token, body, headers }) {
    const call = {
      method,
      url: this.url + BASE + path,
      headers: {
        ...this.headers(),
        ...headers,
        ...token && { Authorization: "Bearer " + token },
        ...body && { "Content-Type": "application/json" }
      },
      body: body && JSON.stringify(body),
      timeout: this.patience.timeout
    };
    let status = 0;
    let wait = NaN;
    let requestId;
    try {
      const answer = await within(this.clock, call.timeout, this.transport.call(call));
      status = answer.status;
      wait = parseFloat(answer.header("Retry-After") || "");
      requestId = answer.header("X-Request-ID") || void 0;
      if (status === 204) return { status, body: {} };
      const found = JSON.parse(answer.text);
      const { error, message, fields, reason, retry_after, request_id } = found;
      if (status < 300 && found.data) return { status, body: found.data };
      if (status >= 400 && typeof error === "string") {
        const retryAfter2 = seconds(retry_after) || seconds(wait);
        const details2 = { status, fields, reason, retryAfter: retryAfter2, requestId: request_id || requestId };
        return { status, body: new LatchError(error, message, details2) };
      }
    } catch (e) {
    }
    const retryAfter = seconds(wait);
    const details = { status, requestId, retryAfter };
    throw new LatchError("unavailable", "Latch cannot be reached. Please try again later.", details);
  }
  /** Its data. Throws what Latch refuses. */
  async data(ask) {
    const { status, body } = await this.ask(ask);
    if (status >= 400) throw body;
    return body;
  }
  /** Whether there is to be one more attempt after `attempt` others and this failure; waits until it is due. */
  async pause(attempt, failure) {
    const { attempts, backoff, longestPause } = this.patience;
    const due = (failure.retryAfter || 0) * 1e3;
    if (attempt >= attempts || due > longestPause) return false;
    await sleep(this.clock, due + backoff * 2 ** (attempt - 1) * (0.5 + Math.random()));
    return true;
  }
};
var seconds = (value) => value >= 0 ? Number(value) : void 0;
var mayPass = ({ error, status }) => error === "unavailable" || status >= 500 || status === 408 || status === 429;

// src/countdown.ts
var Countdown = class {
  constructor(storage, key, clock) {
    this.storage = storage;
    this.key = key;
    this.clock = clock;
    this.note = ["", 0, 0];
  }
  async begin(mobile, seconds2) {
    const now = this.clock.now();
    this.note = [ending(mobile), now, now + seconds2 * 1e3];
    try {
      await this.storage.set(this.key, JSON.stringify(this.note));
    } catch (e) {
    }
  }
  /** Whole seconds, never more than were asked for, wherever the clock has jumped. */
  async left(mobile) {
    try {
      const note = JSON.parse(await this.storage.get(this.key));
      if (note[2] > 0) this.note = note;
    } catch (e) {
    }
    const [end, since, until] = this.note;
    return end === ending(mobile) ? Math.ceil(Math.max(0, Math.min(until - this.clock.now(), until - since)) / 1e3) : 0;
  }
  /** Calls `tell` at once and with each second, down to 0. Returns what stops it. */
  watch(mobile, tell) {
    let stop = () => {
    };
    const tick = async () => {
      const left = await this.left(mobile);
      if (!stop) return;
      tell(left);
      if (left && stop) stop = this.clock.after(1e3, () => void tick());
    };
    void tick();
    return () => {
      stop && stop();
      stop = void 0;
    };
  }
};
var ending = (mobile) => mobile.replace(/\D/g, "").slice(-4);

// src/lock.ts
var LINGER = 50;
var lockOf = (clock, storage) => {
  if (!storage.watch) return (_name, _wait, work) => work();
  const { locks } = globalThis.navigator || {};
  if (!locks) return noted(clock, storage);
  return (name, wait, work) => new Promise((resolve, reject) => {
    const stop = new AbortController();
    const cancel = clock.after(wait, () => stop.abort());
    let done;
    const run = () => {
      cancel();
      const going = work();
      going.then(resolve, reject);
      return done = going.then(
        () => sleep(clock, LINGER),
        () => {
        }
      );
    };
    locks.request(name, { signal: stop.signal }, run).catch(() => done || run());
  });
};
var noted = (clock, storage) => async (name, wait, work) => {
  const mine = String(Math.random());
  const holder = async () => String(await storage.get(name) || "").split(" ");
  try {
    for (let turns = wait / LINGER; turns > 0; turns--) {
      const [, until = 0] = await holder();
      const left = +until - clock.now();
      const isFree = !(left > 0 && left <= wait);
      if (isFree) await storage.set(name, mine + " " + (clock.now() + wait));
      await sleep(clock, LINGER);
      if (isFree && (await holder())[0] === mine) break;
    }
  } catch (e) {
  }
  try {
    return await work();
  } finally {
    Promise.resolve().then(async () => (await holder())[0] === mine && storage.set(name, "")).catch(() => {
    });
  }
};

// src/random.ts
function randomId() {
  const { crypto } = globalThis;
  const bytes = new Uint8Array(16);
  if (crypto && crypto.getRandomValues) crypto.getRandomValues(bytes);
  else bytes.forEach((_, place) => bytes[place] = Math.random() * 256);
  return Array.from(bytes, (byte) => (byte + 256).toString(16).slice(1)).join("");
}

// src/session.ts
function sessionOf(data, now) {
  const { token, refresh_token, session_id, user_id } = data || {};
  const life = data && data.expires_in * 1e3;
  if (!token || typeof token !== "string" || !refresh_token || typeof refresh_token !== "string" || !(life > 0)) return;
  const expires_at = now + life;
  return { token, refresh_token, expires_at, refresh_at: expires_at - Math.min(life / 10, 6e4), session_id, user_id };
}
var SessionStore = class {
  constructor(storage, key, clock, changed) {
    this.storage = storage;
    this.key = key;
    this.clock = clock;
    this.changed = changed;
    this.writing = Promise.resolve();
  }
  /** What was last heard of, without asking the storage. */
  get known() {
    return this.kept || {};
  }
  /** Rejects only where nothing is known yet and the storage fails: that is no log-out. */
  async read() {
    if (this.kept && !this.storage.watch) return this.kept;
    let text;
    try {
      await this.writing;
      const found = this.storage.get(this.key);
      text = typeof Object(found).then === "function" ? await this.bounded(async () => found) : found;
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
  async replace(refreshToken, next) {
    const { session } = await this.read();
    if (!session || session.refresh_token !== refreshToken) return false;
    await this.write(next);
    return true;
  }
  /** Memory holds it at once. */
  write(next) {
    this.adopt(next);
    return this.save();
  }
  adopt(next) {
    const before = this.kept;
    this.kept = next;
    this.changed(next, before);
  }
  /** Never rejects. One after the other, so that the last one stays. */
  save() {
    const text = JSON.stringify(this.kept);
    return this.writing = this.writing.then(() => this.bounded(async () => this.storage.set(this.key, text))).then(
      () => {
        this.text = text;
        this.stale = void 0;
      },
      () => {
        this.stale = this.text || "";
      }
    );
  }
  bounded(work) {
    return within(this.clock, 5e3, work());
  }
};
function parsed(text) {
  try {
    const { session, reason } = JSON.parse(text);
    return session && session.token && session.refresh_token ? { session } : { reason };
  } catch (e) {
    return {};
  }
}

// src/client.ts
var ENDINGS = ["invalid_refresh_token", "session_ended", "invalid_token", "user_disabled"];
var REPEATS_FOR = 3e4;
var LatchClient = class {
  constructor(options) {
    this.options = options;
    this.listeners = /* @__PURE__ */ new Set();
    this.aheadAt = 0;
    const { url, transport, storage, headers, timeout = 1e4 } = options;
    const { attempts = 4, backoff = 500, longestPause = 1e4 } = options;
    const key = this.key = options.key || "latch";
    const clock = this.clock = options.clock || systemClock;
    const patience = { timeout: Math.min(timeout, 1e4), attempts, backoff, longestPause };
    this.calls = new Calls(url.replace(/\/+$/, ""), transport, headers || (() => ({})), clock, patience);
    this.lock = lockOf(clock, storage);
    this.codes = new Countdown(storage, key + ".code", clock);
    this.store = new SessionStore(storage, key, clock, (now, before) => this.changed(now, before));
    this.stop = storage.watch && storage.watch(key, () => void this.store.read().catch(() => {
    }));
  }
  /** Sends a code. 403 `captcha_required`: once more with a `captchaToken`; 429: after `retryAfter` seconds. */
  async requestCode(mobile, { purpose, captchaToken, channel } = {}) {
    const body = { mobile, purpose, captcha_token: captchaToken, channel };
    const isPublic = !purpose || purpose === "login";
    const ask = { method: "POST", path: "/sms/codes", body };
    try {
      const sent = await (isPublic ? this.calls.data(ask) : this.call("POST", ask.path, body));
      await this.codes.begin(mobile, sent.resend_after || 0);
      return { mobile: sent.mobile, expiresIn: sent.expires_in, resendAfter: sent.resend_after };
    } catch (error) {
      const { status, retryAfter } = error;
      if (status === 429 && retryAfter) await this.codes.begin(mobile, retryAfter);
      throw error;
    }
  }
  /** Seconds until a code may be asked for again, told at once and each second, down to 0, also after a reload. Returns what stops it. */
  countdown(mobile, tell) {
    return this.codes.watch(mobile, tell);
  }
  /** Opens a session. Repeated where the answer is lost: a code is good once. 400 `invalid_code`: a wrong one. */
  async logIn(mobile, code) {
    const { deviceName } = this.options;
    const headers = {
      "X-Request-ID": randomId(),
      "X-Device-Id": await this.deviceId(),
      ...deviceName && { "X-Device-Name": encodeURIComponent(deviceName) }
    };
    const began = this.clock.now();
    for (let attempt = 1; ; attempt++) {
      const answer = await this.heard({ method: "POST", path: "/authorizations", body: { mobile, code }, headers });
      const session = sessionOf(answer, this.clock.now());
      if (session) {
        await this.store.write({ session });
        return { userId: session.user_id, sessionId: session.session_id, isNewUser: !!answer.is_new_user };
      }
      if (!mayPass(answer) || answer.status === 429 || !await this.calls.pause(attempt, answer)) throw answer;
      const passed = this.clock.now() - began;
      if (passed < 0 || passed > REPEATS_FOR - this.calls.patience.timeout) throw answer;
    }
  }
  /**
   * Sends a request of the app's to a backend of its own, with the access token: refreshed ahead of its end, and once
   * after a 401, whereupon the request is sent once more. Any other answer is the app's. Nobody logged in: without a token.
   */
  async request(...request) {
    const { transport } = this.options;
    let tried;
    let { session } = await this.store.read();
    if (session && session.refresh_at <= this.clock.now()) {
      try {
        session = await this.ahead(session);
      } catch (error) {
        if (!this.store.known.session) throw error;
        tried = error;
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
  async call(method, path, body) {
    let { session } = await this.store.read();
    if (session && session.refresh_at <= this.clock.now()) session = await this.ahead(session).catch(() => session);
    const answer = await this.calls.ask({ method, path, body, token: session && session.token });
    if (answer.status < 400) return answer.body;
    if (answer.status !== 401 || !session) throw answer.body;
    const { token } = await this.renewed(session);
    return this.calls.data({ method, path, body, token });
  }
  /** A token that is good now, for what this client does not send itself, like a WebSocket. Undefined: nobody is logged in. */
  async token() {
    const { session } = await this.store.read();
    return session && (session.refresh_at > this.clock.now() ? session : await this.ahead(session)).token;
  }
  /** Ends the session here at once, whatever is under way, and then at Latch. False: Latch has not heard of it. */
  async logOut() {
    const { session } = await this.store.read().catch(() => this.store.known);
    if (!session) return true;
    const written = this.store.write({ reason: "logged_out" });
    const told = await this.calls.ask({ method: "DELETE", path: "/authorizations", token: session.refresh_token }).catch(({ status }) => ({ status: status || 500 }));
    await written;
    return told.status < 400;
  }
  /** Who is logged in, as the storage has it. */
  async state() {
    return stateOf(await this.store.read());
  }
  /** Calls `listener` when somebody logs in or is logged out, in any tab. Returns what stops it. */
  subscribe(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
  /** Hears no other tabs any more. Only where clients come and go, as in tests. */
  close() {
    this.stop && this.stop();
    this.listeners.clear();
  }
  changed(now, before) {
    const { session, reason = "logged_out" } = now;
    const old = before && before.session;
    if (before && session ? old && old.session_id === session.session_id : !old) return;
    const state = stateOf(now);
    for (const listener of this.listeners) void Promise.resolve(state).then(listener);
    const { onLoggedOut } = this.options;
    if (!session && onLoggedOut) void Promise.resolve(reason).then(onLoggedOut);
  }
  /** Before the end in the background, with the token as it is; after it a fresh one, or an error. */
  ahead(session) {
    const now = this.clock.now();
    if (session.expires_at <= now) return this.renewed(session);
    const pause = this.aheadAt - now;
    if (!(pause > 0 && pause <= PAUSE)) {
      this.aheadAt = now + PAUSE;
      this.renewed(session).catch(() => {
      });
    }
    return Promise.resolve(session);
  }
  /** A session with another access token than this one's. Throws `tried` where that has just failed. */
  async renewed(old, tried) {
    const { session } = await this.store.read();
    if (session && session.token !== old.token) return session;
    if (tried) throw tried;
    const found = await this.refresh(old);
    return found.token === old.token ? this.refresh(old) : found;
  }
  refresh(old) {
    if (!this.refreshing) {
      const { lockWait = 5e3 } = this.options;
      const ended = () => void (this.refreshing = void 0);
      this.refreshing = this.lock(this.key + ".lock", lockWait, () => this.refreshNow(old.token));
      this.refreshing.then(ended, ended);
    }
    return this.refreshing;
  }
  /** Before each attempt and after it the store is read: another tab, a login or a log-out may have been faster, and counts. */
  async refreshNow(token) {
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
      } else if (!await this.calls.pause(attempt, answer)) {
        const { status, retryAfter, requestId } = answer;
        throw new LatchError("unavailable", answer.message || "", { status, retryAfter, requestId });
      }
    }
  }
  /** Data of Latch's, or the error that it was instead; junk in a success is one, too. */
  async heard(ask) {
    try {
      const { status, body } = await this.calls.ask(ask);
      return status >= 400 || sessionOf(body, 0) ? body : new LatchError("unavailable", "Latch cannot be reached. Please try again later.", { status });
    } catch (error) {
      return error;
    }
  }
  deviceId() {
    return this.device = this.device || this.keptDeviceId();
  }
  async keptDeviceId() {
    const { storage } = this.options;
    const name = this.key + ".device";
    let id;
    try {
      id = await storage.get(name);
      if (!id) await storage.set(name, id = randomId());
    } catch (e) {
    }
    return id || randomId();
  }
};
var PAUSE = 5e3;
function stateOf({ session, reason }) {
  if (session) return { loggedIn: true, userId: session.user_id, sessionId: session.session_id };
  return { loggedIn: false, ...reason && { reason } };
}

// src/storage.ts
var memoryStorage = () => {
  const values = /* @__PURE__ */ new Map();
  return { get: (key) => values.get(key), set: (key, value) => values.set(key, value) };
};
var webStorage = () => {
  let area;
  try {
    area = localStorage;
    area.getItem("");
  } catch (e) {
    return memoryStorage();
  }
  return {
    get: (key) => area.getItem(key),
    set: (key, value) => area.setItem(key, value),
    watch(key, changed) {
      const heard = (event) => void ((event.key === key || event.key === null) && changed());
      addEventListener("storage", heard);
      return () => removeEventListener("storage", heard);
    }
  };
};
var asyncStorage = (storage) => ({ get: (key) => storage.getItem(key), set: (key, value) => storage.setItem(key, value) });
var miniProgramStorage = (wx) => ({
  get: (key) => String(wx.getStorageSync(key)),
  set: (key, value) => wx.setStorageSync(key, value)
});

// src/transport.ts
var bearer = (token) => token ? { Authorization: "Bearer " + token } : {};
var isStream = (body) => {
  const found = Object(body);
  return !!(found.getReader || found.pipe || found[Symbol.asyncIterator]);
};
var fetchTransport = (send = (...request) => fetch(...request)) => ({
  async call({ method, url, headers, body, timeout }) {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), timeout);
    try {
      const answer = await send(url, {
        method,
        headers,
        signal: stop.signal,
        cache: "no-store",
        credentials: "omit",
        keepalive: method === "DELETE",
        // a log-out is told also where the page goes away
        ...body && { body }
      });
      return { status: answer.status, text: await answer.text(), header: (name) => answer.headers.get(name) };
    } finally {
      clearTimeout(timer);
    }
  },
  async send(token, input, init) {
    const whole = Object(input);
    const headers = new Headers(init && init.headers || whole.headers);
    if (token) headers.set("Authorization", "Bearer " + token);
    const answer = await send(whole.clone ? whole.clone() : input, { ...init, headers });
    return { status: answer.status, done: () => answer };
  },
  repeats: (_, init) => !isStream(init && init.body)
});
var axiosTransport = (axios) => ({
  async call({ method, url, headers, body, timeout }) {
    const validateStatus = () => true;
    const transformResponse = (text) => text;
    const config = { method, url, headers, data: body, timeout, responseType: "text", transformResponse, validateStatus };
    const answer = await axios.request(config);
    const found = answer.headers || {};
    return { status: answer.status, text: String(answer.data), header: (name) => found[name.toLowerCase()] };
  },
  async send(token, config) {
    try {
      const answer = await axios.request({ ...config, headers: { ...config.headers, ...bearer(token) } });
      return { status: answer.status, done: () => answer };
    } catch (error) {
      const { response } = Object(error);
      if (!response) throw error;
      const done = () => {
        throw error;
      };
      return { status: response.status, done };
    }
  },
  repeats: (config) => !isStream(config.data)
});
var miniProgramTransport = (wx) => {
  const ask = (options) => new Promise((success, fail) => void wx.request({ ...options, success, fail }));
  return {
    async call({ method, url, headers, body, timeout }) {
      const answer = await ask({ method, url, header: headers, data: body, timeout, dataType: "text", responseType: "text" });
      const { data, header = {} } = answer;
      return {
        status: answer.statusCode,
        text: typeof data === "string" ? data : JSON.stringify(data),
        header: (name) => header[Object.keys(header).find((key) => key.toLowerCase() === name.toLowerCase()) || name]
      };
    },
    async send(token, options) {
      const answer = await ask({ ...options, header: { ...options.header, ...bearer(token) } });
      return { status: answer.statusCode, done: () => answer };
    },
    repeats: () => true
  };
};

// src/webotp.ts
async function readCode(signal) {
  if (!("OTPCredential" in globalThis)) return;
  try {
    const options = { otp: { transport: ["sms"] }, ...signal && { signal } };
    const found = await navigator.credentials.get(options);
    return found ? found.code : void 0;
  } catch (e) {
    return;
  }
}

// src/index.ts
/*! Latch's client. MIT License, The Latch authors. */
export {
  LatchClient,
  LatchError,
  asyncStorage,
  axiosTransport,
  fetchTransport,
  memoryStorage,
  miniProgramStorage,
  miniProgramTransport,
  readCode,
  systemClock,
  webStorage
};
