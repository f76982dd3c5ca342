import type { Heard } from "./calls.js";
import { callsTo, unavailable } from "./calls.js";
import type { LatchClient, Options, State } from "./client.js";
import { systemClock } from "./clock.js";
import { countdownOf } from "./countdown.js";
import { deviceIn } from "./device.js";
import { LatchError } from "./errors.js";
import { lockOf } from "./lock.js";
import { randomId } from "./random.js";
import { refresherOf } from "./refresh.js";
import type { Kept, Session } from "./session.js";
import { sessionOf, storeIn } from "./session.js";
import { bounded } from "./storage.js";

const REPEATS_FOR = 30_000; // milliseconds in which Latch knows a repeated login

/** Make one for the whole app. */
export function createLatchClient<A extends unknown[], R>(options: Options<A, R>): LatchClient<A, R> {
  const { url, transport, onLoggedOut, deviceName, key = "latch", clock = systemClock } = options;
  const { headers = () => ({}), lockWait = 5000, attempts = 4, backoff = 500, longestPause = 10_000 } = options;
  const timeout = Math.min(options.timeout || 10_000, 10_000);
  const calls = callsTo(url.replace(/\/+$/, ""), transport, headers, clock, { timeout, attempts, backoff, longestPause });
  const storage = bounded(options.storage, clock);
  const store = storeIn(storage, key, changed);
  const { renewed, ahead } = refresherOf(store, calls, clock, lockOf(clock, storage, key + ".refresh", lockWait));
  const codes = countdownOf(storage, key + ".code", clock);
  const deviceId = deviceIn(storage, key + ".device");
  const listeners = new Set<(state: State) => void>();
  const stop = storage.watch && storage.watch(key, () => void store.read().catch(() => {}));

  function changed(now: Kept, before: Kept | undefined): void {
    const { session, reason = "logged_out" } = now;
    const old = before && before.session;
    if (before && session ? old && old.session_id === session.session_id : !old) return;
    // Later, so that no listener holds up a refresh. What it throws is the app's to hear.
    for (const listener of listeners) void Promise.resolve(stateOf(now)).then(listener);
    if (!session && onLoggedOut) void Promise.resolve(reason).then(onLoggedOut);
  }

  /** Sends with the token as it is where a new one cannot be had: its time may be up by a wrong clock alone. */
  const sendAs = async <T>(
    send: (session: Session | undefined) => Promise<T>,
    isRefused: (sent: T) => boolean,
    repeats: () => boolean,
  ): Promise<T> => {
    const { session } = await store.read();
    let failure: unknown;
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

  const call = async (method: string, path: string, body?: object): Promise<any> =>
    dataOf(
      await sendAs(
        (session) => calls.ask({ method, path, body, token: session && session.token }),
        ({ error }) => !!error && error.status === 401,
        () => true,
      ),
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
        const { status, retryAfter } = error as LatchError;
        if (status === 429 && retryAfter) await codes.begin(mobile, retryAfter);
        throw error;
      }
    },

    countdown: codes.watch,

    async logIn(mobile, code) {
      const headers = {
        "X-Request-ID": randomId(),
        "X-Device-Id": await deviceId(),
        ...(deviceName && { "X-Device-Name": encodeURIComponent(deviceName) }),
      };
      const began = clock.now();
      for (let attempt = 1; ; attempt++) {
        const { data, error } = await calls.ask({ method: "POST", path: "/authorizations", body: { mobile, code }, headers });
        const session = sessionOf(data, clock.now());
        if (session) {
          await store.write({ session });
          return { userId: session.user_id, sessionId: session.session_id, isNewUser: !!data.is_new_user };
        }
        const failure = error || unavailable();
        const { status } = failure;
        const mayPass = failure.error === "unavailable" ? status !== 429 : status >= 500 || status === 408;
        if (!mayPass || !(await calls.again(attempt, failure))) throw failure;
        const passed = clock.now() - began;
        if (passed < 0 || passed > REPEATS_FOR - timeout) throw failure;
      }
    },

    async request(...request) {
      const sent = await sendAs(
        (session) => transport.send(session && session.token, ...request),
        ({ status }) => status === 401,
        () => transport.repeats(...request),
      );
      return sent.done();
    },

    call,

    async token() {
      const session = await ahead((await store.read()).session);
      return session && session.token;
    },

    async logOut() {
      // What cannot be read may be there all the same, and is written over.
      const { session } = await store.read().catch(() => ({ session: {} as Partial<Session> }));
      if (!session) return true;
      const written = store.write({ reason: "logged_out" });
      // The refresh token: with an access token that has run out nothing would be ended.
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
    },
  };
}

/** Throws what Latch refuses. */
function dataOf({ data, error }: Heard): any {
  if (error) throw error;
  return data;
}

function stateOf({ session, reason }: Kept): State {
  if (session) return { loggedIn: true, userId: session.user_id, sessionId: session.session_id };
  return { loggedIn: false, ...(reason && { reason }) };
}
