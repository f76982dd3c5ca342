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
  constructor(error, message, { status = 0, fields = {}, reason, retryAfter, requestId } = {}) {
    super(message);
    this.error = error;
    Object.assign(this, { name: "LatchError", status, fields, reason, retryAfter, requestId });
  }
};

// src/calls.ts
var BASE = "/app/v1_0";
var seconds = (value) => value > 0 ? +value : void 0;
var unavailable = (details) => new LatchError("unavailable", "Please try again later.", details);
function callsTo(url, transport, moreHeaders, clock, { timeout, attempts, backoff, longestPause }) {
  return {
    async ask({ method, path, token, body, headers }) {
      let details = {};
      try {
        const call = {
          method,
          url: url + BASE + path,
          headers: {
            ...moreHeaders(),
            ...headers,
            ...token && { Authorization: "Bearer " + token },
            ...body && { "Content-Type": "application/json" }
          },
          body: body && JSON.stringify(body),
          timeout
        };
        const { status, text, header } = await within(clock, timeout, transport.call(call));
        const wait = seconds(header("Retry-After"));
        details = { status, requestId: header("X-Request-ID"), retryAfter: wait };
        if (status === 204) return { data: {} };
        const { data, error, message, fields, reason, retry_after } = JSON.parse(text);
        if (status < 300 && data) return { data };
        if (status >= 400 && typeof error === "string") {
          const more = { ...details, fields, reason, retryAfter: seconds(retry_after) || wait };
          return { error: new LatchError(error, message, more) };
        }
      } catch (e) {
      }
      return { error: unavailable(details) };
    },
    async again(attempt, { retryAfter = 0 }) {
      const due = retryAfter * 1e3;
      if (attempt >= attempts || due > longestPause) return false;
      await sleep(clock, due + backoff * 2 ** (attempt - 1) * (0.5 + Math.random()));
      return true;
    }
  };
}

// src/countdown.ts
var ending = (mobile) => mobile.replace(/\D/g, "").slice(-4);
function countdownOf(storage, key, clock) {
  let note = ["", 0, 0];
  const left = async (mobile) => {
    try {
      const kept = JSON.parse(await storage.get(key));
      if (kept[2] > 0) note = kept;
    } catch (e) {
    }
    const [end, since, until] = note;
    return end === ending(mobile) ? Math.ceil(Math.max(0, Math.min(until - clock.now(), until - since)) / 1e3) : 0;
  };
  return {
    async begin(mobile, seconds2) {
      note = [ending(mobile), clock.now(), clock.now() + seconds2 * 1e3];
      try {
        await storage.set(key, JSON.stringify(note));
      } catch (e) {
      }
    },
    watch(mobile, tell) {
      let stop = () => {
      };
      let isOver = false;
      const tick = async () => {
        const seconds2 = await left(mobile);
        if (isOver) return;
        if (seconds2) stop = clock.after(1e3, tick);
        tell(seconds2);
      };
      void tick();
      return () => {
        isOver = true;
        stop();
      };
    }
  };
}

// src/random.ts
function randomId() {
  const { crypto } = globalThis;
  const bytes = new Uint8Array(16);
  if (crypto && crypto.getRandomValues) crypto.getRandomValues(bytes);
  else bytes.forEach((_, place) => bytes[place] = Math.random() * 256);
  return Array.from(bytes, (byte) => (byte + 256).toString(16).slice(1)).join("");
}

// src/device.ts
var deviceIn = (storage, key) => {
  let id;
  return async () => {
    try {
      id = id || await storage.get(key);
      if (!id) await storage.set(key, id = randomId());
    } catch (e) {
      id = id || randomId();
    }
    return id;
  };
};

// src/lock.ts
var LINGER = 50;
var lockOf = (clock, storage, name, wait) => {
  const { locks } = globalThis.navigator || {};
  if (!storage.watch || !locks) return (work) => work();
  return (work) => new Promise((resolve, reject) => {
    const stop = new AbortController();
    const cancel = clock.after(wait, () => stop.abort());
    let held;
    const run = () => {
      cancel();
      const done = work();
      done.then(resolve, reject);
      return held = done.then(
        () => sleep(clock, LINGER),
        () => {
        }
      );
    };
    locks.request(name, { signal: stop.signal }, run).catch(() => held || run());
  });
};

// src/session.ts
function sessionOf(data, now) {
  const { token, refresh_token, expires_in, session_id, user_id } = data || {};
  const life = expires_in * 1e3;
  const isWhole = [token, refresh_token].every((one) => typeof one === "string" && /^[!-~]+$/.test(one)) && life > 0;
  if (!isWhole) return;
  const expires_at = now + life;
  return { token, refresh_token, expires_at, refresh_at: expires_at - Math.min(life / 10, 6e4), session_id, user_id };
}
function storeIn(storage, key, changed) {
  let kept;
  let text;
  let stale;
  let writing = Promise.resolve();
  const adopt = (next, before = kept) => {
    kept = next;
    changed(next, before);
  };
  const save = () => {
    const next = JSON.stringify(kept);
    const set = async () => storage.set(key, next);
    const written = () => {
      text = next;
      stale = void 0;
    };
    const failed = () => void (stale = text || "");
    return writing = writing.then(set).then(written, failed);
  };
  const known = () => kept || {};
  const write = (next) => {
    adopt(next, known());
    return save();
  };
  const read = async () => {
    if (kept && !storage.watch) return kept;
    try {
      await writing;
      let found = storage.get(key);
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
  const replace = async (refreshToken, next) => {
    const { session } = await read();
    const isThere = !!session && session.refresh_token === refreshToken;
    if (isThere) await write(next);
    return isThere;
  };
  return { read, known, write, replace };
}
function parsed(text) {
  try {
    const { session, reason } = JSON.parse(text);
    return session && session.token && session.refresh_token ? { session } : { reason };
  } catch (e) {
    return {};
  }
}

// src/refresh.ts
var ENDINGS = ["invalid_refresh_token", "session_ended", "invalid_token", "user_disabled"];
var PAUSE = 5e3;
function refresherOf(store, calls, clock, alone) {
  let underWay;
  let tried = 0;
  const refresh = async (token) => {
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
      } else if (!await calls.again(attempt, failure)) {
        throw unavailable(failure);
      }
    }
  };
  const once = (token) => {
    if (!underWay) {
      const over = () => void (underWay = void 0);
      underWay = alone(() => refresh(token));
      underWay.then(over, over);
    }
    return underWay;
  };
  const renewed = async (old) => {
    const found = await once(old.token);
    return found.token === old.token ? once(old.token) : found;
  };
  const ahead = async (session) => {
    const now = clock.now();
    if (!session || now < session.refresh_at) return session;
    if (now >= session.expires_at) return renewed(session);
    if (Math.abs(now - tried) >= PAUSE) {
      tried = now;
      renewed(session).catch(() => {
      });
    }
    return session;
  };
  return { renewed, ahead };
}

// src/storage.ts
var memoryStorage = () => {
  const values = /* @__PURE__ */ new Map();
  return { get: (key) => values.get(key), set: (key, value) => values.set(key, value) };
};
var LONGEST = 5e3;
function bounded(storage, clock) {
  const limited = (value) => value && typeof value.then === "function" ? within(clock, LONGEST, value) : value;
  return {
    get: (key) => limited(storage.get(key)),
    set: (key, value) => limited(storage.set(key, value)),
    ...storage.watch && { watch: (key, changed) => storage.watch(key, changed) }
  };
}

// src/create.ts
var REPEATS_FOR = 3e4;
function createLatchClient(options) {
  const { url, transport, onLoggedOut, deviceName, key = "latch", clock = systemClock } = options;
  const { headers = () => ({}), lockWait = 5e3, attempts = 4, backoff = 500, longestPause = 1e4 } = options;
  const timeout = Math.min(options.timeout || 1e4, 1e4);
  const calls = callsTo(url.replace(/\/+$/, ""), transport, headers, clock, { timeout, attempts, backoff, longestPause });
  const storage = bounded(options.storage, clock);
  const store = storeIn(storage, key, changed);
  const { renewed, ahead } = refresherOf(store, calls, clock, lockOf(clock, storage, key + ".refresh", lockWait));
  const codes = countdownOf(storage, key + ".code", clock);
  const deviceId = deviceIn(storage, key + ".device");
  const listeners = /* @__PURE__ */ new Set();
  const stop = storage.watch && storage.watch(key, () => void store.read().catch(() => {
  }));
  function changed(now, before) {
    const { session, reason = "logged_out" } = now;
    const old = before && before.session;
    if (before && session ? old && old.session_id === session.session_id : !old) return;
    for (const listener of listeners) void Promise.resolve(stateOf(now)).then(listener);
    if (!session && onLoggedOut) void Promise.resolve(reason).then(onLoggedOut);
  }
  const sendAs = async (send, isRefused, repeats) => {
    const { session } = await store.read();
    let failure;
    const used = await ahead(session).catch((error) => {
      if (!store.known().session) throw error;
      failure = error;
      return session;
    });
    const sent = await send(used);
    if (!used || !isRefused(sent)) return sent;
    if (failure) throw failure;
    const fresh = await renewed(used);
    if (!repeats()) throw new LatchError("cannot_repeat", "Please send it again.", { status: 401 });
    return send(fresh);
  };
  const call = async (method, path, body) => dataOf(
    await sendAs(
      (session) => calls.ask({ method, path, body, token: session && session.token }),
      ({ error }) => !!error && error.status === 401,
      () => true
    )
  );
  return {
    async requestCode(mobile, { purpose = "login", captchaToken, channel } = {}) {
      const body = { mobile, purpose, captcha_token: captchaToken, channel };
      const path = "/sms/codes";
      try {
        const isForAnyone = purpose === "login";
        const sent = await (isForAnyone ? calls.ask({ method: "POST", path, body }).then(dataOf) : call("POST", path, body));
        await codes.begin(mobile, sent.resend_after || 0);
        return { mobile: sent.mobile, expiresIn: sent.expires_in, resendAfter: sent.resend_after };
      } catch (error) {
        const { status, retryAfter } = error;
        if (status === 429 && retryAfter) await codes.begin(mobile, retryAfter);
        throw error;
      }
    },
    countdown: codes.watch,
    async logIn(mobile, code) {
      const headers2 = {
        "X-Request-ID": randomId(),
        "X-Device-Id": await deviceId(),
        ...deviceName && { "X-Device-Name": encodeURIComponent(deviceName) }
      };
      const began = clock.now();
      for (let attempt = 1; ; attempt++) {
        const { data, error } = await calls.ask({ method: "POST", path: "/authorizations", body: { mobile, code }, headers: headers2 });
        const session = sessionOf(data, clock.now());
        if (session) {
          await store.write({ session });
          return { userId: session.user_id, sessionId: session.session_id, isNewUser: !!data.is_new_user };
        }
        const failure = error || unavailable();
        const { status } = failure;
        const mayPass = failure.error === "unavailable" ? status !== 429 : status >= 500 || status === 408;
        if (!mayPass || !await calls.again(attempt, failure)) throw failure;
        const passed = clock.now() - began;
        if (passed < 0 || passed > REPEATS_FOR - timeout) throw failure;
      }
    },
    async request(...request) {
      const sent = await sendAs(
        (session) => transport.send(session && session.token, ...request),
        ({ status }) => status === 401,
        () => transport.repeats(...request)
      );
      return sent.done();
    },
    call,
    async token() {
      const session = await ahead((await store.read()).session);
      return session && session.token;
    },
    async logOut() {
      const { session } = await store.read().catch(() => ({ session: {} }));
      if (!session) return true;
      const written = store.write({ reason: "logged_out" });
      const { error } = await calls.ask({ method: "DELETE", path: "/authorizations", token: session.refresh_token });
      await written;
      return !error;
    },
    state: async () => stateOf(await store.read()),
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    close() {
      if (stop) stop();
      listeners.clear();
    }
  };
}
function dataOf({ data, error }) {
  if (error) throw error;
  return data;
}
function stateOf({ session, reason }) {
  if (session) return { loggedIn: true, userId: session.user_id, sessionId: session.session_id };
  return { loggedIn: false, ...reason && { reason } };
}

// src/entries/core.ts
/*! Latch's client. MIT License, The Latch authors. */

// src/transport.ts
var bearer = (token) => token ? { Authorization: "Bearer " + token } : {};

// src/miniprogram.ts
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
var miniProgramStorage = (wx) => ({
  get: (key) => String(wx.getStorageSync(key)),
  set: (key, value) => wx.setStorageSync(key, value)
});
export {
  LatchError,
  createLatchClient,
  memoryStorage,
  miniProgramStorage,
  miniProgramTransport
};
