import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { broken, CODE, fairLocks, html, json, LatchError, MOBILE, never, ok, refusal, setLocks, sharedStorage, World } from "./world.mjs";

let world;
beforeEach(() => {
  setLocks(undefined);
  world = new World();
});
const held = () => JSON.parse(world.storage.get("latch")).session;
const HOUR = 3_600_000;

test("a login stores the session, and tells who it is", async () => {
  const client = world.client({ deviceName: "Ada’s phone" });
  assert.deepEqual(await world.run(client.state()), { loggedIn: false });
  const who = await world.run(client.logIn(MOBILE, CODE));
  assert.deepEqual(who, { userId: 42, sessionId: "s0", isNewUser: true });
  assert.deepEqual(await world.run(client.state()), { loggedIn: true, userId: 42, sessionId: "s0" });
  assert.equal(held().expires_at, world.clock.now() + HOUR);
  const { headers } = world.latch.calls[0];
  assert.match(headers["X-Request-ID"], /^[0-9a-f]{32}$/);
  assert.equal(headers["X-Device-Name"], "Ada%E2%80%99s%20phone");
  assert.equal(headers["X-Device-Id"], world.storage.get("latch.device"));
});

test("the device keeps its id over log-outs and restarts", async () => {
  await world.run((await world.loggedIn()).logOut());
  const id = world.storage.get("latch.device");
  const again = world.client();
  world.latch.calls = [];
  await world.run(again.logIn(MOBILE, CODE));
  assert.equal(world.latch.calls[0].headers["X-Device-Id"], id);
});

for (const [name, answer] of Object.entries({
  "no answer": never,
  "a broken connection": broken,
  "504 in HTML": async () => html(504),
  "503 of Latch": async () => refusal(503, "service_unavailable", {}, { "Retry-After": "1" }),
  "a portal's 200": async () => html(200),
  "403 in HTML": async () => html(403),
})) {
  test(`a login whose answer is lost (${name}) is repeated with the same id, and is one session`, async () => {
    let first = true;
    world.network = async (arrive) => {
      const answered = await arrive();
      if (!first) return answered;
      first = false;
      return answer();
    };
    await world.run(world.client().logIn(MOBILE, CODE));
    assert.equal(world.latch.sessions.length, 1);
    assert.equal(new Set(world.latch.calls.map((call) => call.headers["X-Request-ID"])).size, 1);
    assert.equal(world.latch.calls.length, 2);
  });
}

test("no login is repeated later than 30 s after its first attempt", async () => {
  const times = [];
  world.network = () => {
    times.push(world.clock.time);
    return never();
  };
  const error = await world.thrown(world.client({ attempts: 20 }).logIn(MOBILE, CODE));
  assert.equal(error.error, "unavailable");
  assert.ok(times.length > 1 && times.at(-1) - times[0] + 10_000 <= 30_000, times.map((time) => time - times[0]));
});

test("a wrong code is told at once", async () => {
  const error = await world.thrown(world.client().logIn(MOBILE, "000000"));
  assert.deepEqual([error.name, error.status, error.error, error.message], ["LatchError", 400, "invalid_code", "No."]);
  assert.equal(world.latch.calls.length, 1);
});

test("an error has all that Latch says", async () => {
  const client = world.client();
  world.network = async () => refusal(400, "invalid_request", { fields: { mobile: "is no number" } }, { "X-Request-ID": "of-the-head-0000" });
  const wrong = await world.thrown(client.requestCode("1"));
  assert.deepEqual([wrong.fields, wrong.requestId, wrong.retryAfter], [{ mobile: "is no number" }, "of-the-head-0000", undefined]);
  world.network = async () => refusal(429, "too_many_requests", { retry_after: 42 }, { "Retry-After": "41" });
  assert.equal((await world.thrown(client.requestCode(MOBILE))).retryAfter, 42);
  world.network = async () => refusal(503, "sms_unavailable", {}, { "Retry-After": "7" });
  assert.equal((await world.thrown(client.requestCode(MOBILE))).retryAfter, 7);
});

test("a fresh token is sent as it is", async () => {
  const client = await world.loggedIn();
  assert.equal(await world.run(client.request()), 200);
  assert.equal(world.latch.refreshes(), 0);
});

test("near the end of its life the token is renewed in the background, once", async () => {
  const client = await world.loggedIn();
  const { token } = held();
  await world.clock.pass(HOUR - 60_000);
  const sent = [];
  world.backend = async (arrive, used) => {
    sent.push(used);
    return arrive();
  };
  await world.run(Promise.all([client.request(), client.request()]));
  await world.clock.pass(100);
  assert.deepEqual(sent, [token, token]);
  assert.equal(world.latch.refreshes(), 1);
  assert.notEqual(held().token, token);
});

test("after its end nobody sends it before it is renewed", async () => {
  const client = await world.loggedIn();
  await world.clock.pass(2 * HOUR);
  assert.equal(await world.run(client.request()), 200);
  assert.deepEqual([world.latch.refreshes(), world.worked], [1, 1]);
});

test("of twenty that are refused at once one refreshes, and each is sent once more", async () => {
  const client = await world.loggedIn();
  world.latch.forgetTokens();
  const all = Array.from({ length: 20 }, () => client.request());
  assert.deepEqual(await world.run(Promise.all(all)), Array(20).fill(200));
  assert.deepEqual([world.latch.refreshes(), world.worked], [1, 40]);
});

test("a second 401 is the caller's, without a loop", async () => {
  const client = await world.loggedIn();
  world.backend = async () => 401;
  assert.equal(await world.run(client.request()), 401);
  assert.deepEqual([world.latch.refreshes(), world.worked, world.reasons], [1, 2, []]);
});

for (const status of [403, 429, 500, 503]) {
  test(`a backend's ${status} touches no token`, async () => {
    const client = await world.loggedIn();
    const before = held();
    world.backend = async () => status;
    assert.equal(await world.run(client.request()), status);
    assert.deepEqual(held(), before);
    assert.equal(world.latch.refreshes(), 0);
  });
}

test("a request that breaks is thrown as it is", async () => {
  const client = await world.loggedIn();
  world.backend = broken;
  await assert.rejects(world.run(client.request()), TypeError);
  assert.ok(held());
});

test("what cannot be sent again is told, with a fresh token for the next try", async () => {
  const client = await world.loggedIn();
  world.latch.forgetTokens();
  const error = await world.thrown(client.request(true));
  assert.equal(error.error, "cannot_repeat");
  assert.equal(await world.run(client.request(true)), 200);
  assert.equal(world.latch.refreshes(), 1);
});

test("who is not logged in sends without a token", async () => {
  const client = world.client();
  world.backend = async (_, token) => (token === undefined ? 200 : 500);
  assert.equal(await world.run(client.request()), 200);
  assert.equal(await world.run(client.token()), undefined);
});

const FOREIGN = {
  "403 in HTML": html(403),
  "401 in HTML": html(401),
  "403 with a foreign error": json(403, { error: "access_denied" }),
  "403 with an error that is no word": json(403, { error: { code: 1 } }),
  "403 without an error": json(403, { message: "Forbidden" }),
  "403 forbidden of ours": refusal(403, "forbidden"),
  "400 with an error that ends": refusal(400, "session_ended"),
  "503 with an error that ends": refusal(503, "invalid_token"),
  "200 with an error that ends": refusal(200, "session_ended"),
  "200 in HTML": html(200),
  "200 of null": json(200, null),
  "200 without tokens": ok({}),
  "200 with half a pair": ok({ token: "t", expires_in: 3600 }),
  "200 with a number for a token": ok({ token: 1, refresh_token: 2, expires_in: 3600 }),
  "200 with a token that no header takes": ok({ token: "t\n", refresh_token: "r", expires_in: 3600 }),
  "200 with a refresh token that no header takes": ok({ token: "t", refresh_token: "ü", expires_in: 3600 }),
  "200 with no time": ok({ token: "t", refresh_token: "r" }),
  "200 with nonsense for a time": ok({ token: "t", refresh_token: "r", expires_in: "soon" }),
  "200 with a time before now": ok({ token: "t", refresh_token: "r", expires_in: -1 }),
  204: { status: 204, text: "", headers: {} },
  302: html(302),
  408: html(408),
  429: refusal(429, "too_many_requests", { retry_after: 3 }),
  500: refusal(500, "internal_error"),
  503: refusal(503, "service_unavailable"),
};
for (const [name, answer] of Object.entries(FOREIGN)) {
  test(`a refresh that is answered ${name} keeps the tokens, and says "unavailable"`, async () => {
    const client = await world.loggedIn();
    const before = held();
    world.latch.forgetTokens();
    const used = [];
    world.network = async (_, call) => {
      used.push(call.headers.Authorization);
      return answer;
    };
    const error = await world.thrown(client.request());
    assert.equal(error.error, "unavailable");
    assert.deepEqual([held(), world.reasons], [before, []]);
    assert.deepEqual(used, Array(4).fill(`Bearer ${before.refresh_token}`));
    world.network = (arrive) => arrive();
    assert.equal(await world.run(client.request()), 200);
  });
}

const ENDINGS = [
  [403, "session_ended", { reason: "revoked" }, "revoked"],
  [403, "session_ended", { reason: "replaced" }, "replaced"],
  [401, "session_ended", { reason: "reused" }, "reused"],
  [403, "invalid_refresh_token", {}, "expired"],
  [401, "invalid_token", {}, "expired"],
  [403, "user_disabled", {}, "disabled"],
];
for (const [status, error, more, reason] of ENDINGS) {
  test(`a refresh that Latch refuses with ${status} ${error} ends the session: ${reason}`, async () => {
    const client = await world.loggedIn();
    const states = [];
    client.subscribe((state) => states.push(state));
    world.latch.forgetTokens();
    world.network = async () => refusal(status, error, more);
    const thrown = await world.thrown(client.request());
    assert.equal(thrown.error, error);
    assert.deepEqual([world.reasons, states], [[reason], [{ loggedIn: false, reason }]]);
    assert.deepEqual(JSON.parse(world.storage.get("latch")), { reason });
    assert.deepEqual(await world.run(world.client().state()), { loggedIn: false, reason });
  });
}

test("who gets the same token again does not ask on and on", async () => {
  const client = await world.loggedIn();
  const { token } = held();
  world.latch.forgetTokens();
  let refreshes = 0;
  world.network = async () => ok({ token, refresh_token: `r${++refreshes}`, expires_in: 3600 });
  assert.equal(await world.run(client.request()), 401);
  assert.equal(refreshes, 2);
});

test("each attempt of a refresh ends within 10 s, whatever the transport does", async () => {
  const client = await world.loggedIn({ timeout: 60_000, attempts: 3 });
  world.latch.forgetTokens();
  const began = [];
  world.network = () => {
    began.push(world.clock.time);
    return never();
  };
  await world.thrown(client.request());
  assert.equal(began.length, 3);
  assert.ok(began[1] - began[0] >= 10_000 && began[1] - began[0] <= 11_000);
  assert.ok(world.clock.time - began[2] === 10_000);
});

test("Retry-After is waited for within bounds, and told beyond", async () => {
  const client = await world.loggedIn();
  world.latch.forgetTokens();
  const times = [];
  let wait = "3";
  world.network = async () => {
    times.push(world.clock.time);
    return refusal(503, "service_unavailable", {}, { "Retry-After": wait });
  };
  await world.thrown(client.request());
  assert.ok(times[1] - times[0] >= 3000 && times[1] - times[0] < 4000);
  times.length = 0;
  wait = "3600";
  const error = await world.thrown(client.request());
  assert.deepEqual([error.error, error.retryAfter, times.length], ["unavailable", 3600, 1]);
});

test("while it lives the old token is used, Latch away or not", async () => {
  const client = await world.loggedIn();
  await world.clock.pass(HOUR - 30_000);
  world.network = never;
  assert.equal(await world.run(client.request()), 200);
  assert.equal(await world.run(client.request()), 200);
});

test("a clock that jumps ahead does not stop a token that lives", async () => {
  const client = await world.loggedIn();
  world.clock.offset = 5 * HOUR;
  world.network = async () => html(503);
  assert.equal(await world.run(client.request()), 200);
});

/** What becomes of a request for which a refresh is under way: Latch has done it, and its answer comes later. */
async function duringARefresh(client) {
  world.latch.forgetTokens();
  world.network = async (arrive, call) => {
    const answer = await arrive();
    if (call.method === "PUT") await world.clock.sleep(2000);
    return answer;
  };
  const outcome = client.request().catch((error) => error);
  await world.clock.pass(1000);
  return { outcome };
}

test("a log-out during a refresh wins: the late answer stores nothing", async () => {
  const client = await world.loggedIn();
  const { outcome } = await duringARefresh(client);
  assert.equal(await world.run(client.logOut()), true);
  const error = await world.run(outcome);
  assert.deepEqual([error.error, error.reason], ["session_ended", "logged_out"]);
  assert.deepEqual(JSON.parse(world.storage.get("latch")), { reason: "logged_out" });
  assert.deepEqual(world.reasons, ["logged_out"]);
});

test("a login during a refresh wins, too", async () => {
  const client = await world.loggedIn();
  const { outcome } = await duringARefresh(client);
  await world.run(client.logIn(MOBILE, CODE));
  assert.equal(await world.run(outcome), 200);
  assert.equal(held().session_id, "s1");
});

test("a log-out removes the tokens also where Latch does not hear of it, in bounded time", async () => {
  const client = await world.loggedIn();
  world.network = never;
  const began = world.clock.time;
  assert.equal(await world.run(client.logOut()), false);
  assert.ok(world.clock.time - began <= 10_000);
  assert.deepEqual(await world.run(client.state()), { loggedIn: false, reason: "logged_out" });
});

test("a log-out ends the session also when the access token has run out", async () => {
  const client = await world.loggedIn();
  await world.clock.pass(2 * HOUR);
  assert.equal(await world.run(client.logOut()), true);
  assert.equal(world.latch.live, undefined);
});

test("who asks in a listener deadlocks nobody", async () => {
  const asked = [];
  const client = world.client({ onLoggedOut: () => asked.push(client.request().catch((error) => error)) });
  client.subscribe(() => asked.push(client.state()));
  await world.run(client.logIn(MOBILE, CODE));
  world.latch.end("revoked");
  await world.thrown(client.request());
  await world.run(Promise.all(asked));
  assert.equal(asked.length, 3);
});

test("a route of Latch's is asked with the token, after a refresh where that is due", async () => {
  const client = await world.loggedIn();
  world.latch.forgetTokens();
  assert.deepEqual(await world.run(client.call("GET", "/user")), { id: 42 });
  await world.run(client.requestCode(MOBILE, { purpose: "erase", captchaToken: "solved", channel: "sms" }));
  const { body, headers } = world.latch.calls.at(-1);
  assert.deepEqual(JSON.parse(body), { mobile: MOBILE, purpose: "erase", captcha_token: "solved", channel: "sms" });
  assert.equal(headers.Authorization, `Bearer ${held().token}`);
});

test("a code is asked for without a token, and once, whatever the answer", async () => {
  const client = await world.loggedIn();
  const sent = await world.run(client.requestCode(MOBILE));
  assert.deepEqual(sent, { mobile: MOBILE, expiresIn: 300, resendAfter: 60 });
  assert.equal(world.latch.calls[0].headers.Authorization, undefined);
  world.network = async () => html(502);
  await world.thrown(client.requestCode(MOBILE));
  assert.equal(world.latch.codes, 1);
});

test("the countdown goes down to 0, survives a reload and a clock that jumps, and is of one number", async () => {
  await world.run(world.client().requestCode(MOBILE));
  const told = [];
  const reloaded = world.client();
  const stop = reloaded.countdown("+86 138 0013 8000", (seconds) => told.push(seconds));
  await world.clock.pass(58_500);
  world.clock.offset = -10 * HOUR;
  await world.clock.pass(1000);
  assert.deepEqual([told[0], told[1], told.at(-2), told.at(-1)], [60, 59, 2, 60]);
  world.clock.offset = 0;
  await world.clock.pass(5000);
  assert.equal(told.at(-1), 0);
  stop();
  const other = [];
  reloaded.countdown("13900139000", (seconds) => other.push(seconds));
  await world.clock.pass(0);
  assert.deepEqual(other, [0]);
});

test("a countdown that was stopped says no more", async () => {
  await world.run(world.client().requestCode(MOBILE));
  const told = [];
  const stop = world.client().countdown(MOBILE, (seconds) => told.push(seconds));
  await world.clock.pass(1500);
  stop();
  await world.clock.pass(5000);
  assert.deepEqual(told, [60, 59]);
});

test("after a 429 it counts from retry_after", async () => {
  world.network = async () => refusal(429, "too_many_requests", { retry_after: 42 });
  await world.thrown(world.client().requestCode(MOBILE));
  const told = [];
  world.client().countdown(MOBILE, (seconds) => told.push(seconds));
  await world.clock.pass(0);
  assert.deepEqual(told, [42]);
});

test("a storage that cannot be written keeps the session in memory, and what it held before is not taken for it", async () => {
  const values = new Map();
  let fails = false;
  world.storage = {
    get: (key) => values.get(key),
    set(key, value) {
      if (fails) throw new Error("QuotaExceededError");
      values.set(key, value);
    },
    watch: () => () => {},
  };
  const client = await world.loggedIn();
  const old = held().refresh_token;
  fails = true;
  world.latch.forgetTokens();
  assert.equal(await world.run(client.request()), 200);
  assert.equal(held().refresh_token, old);
  assert.equal(await world.run(client.request()), 200);
  assert.equal(world.latch.refreshes(), 1);
  fails = false;
  await world.run(client.request());
  await world.clock.pass(0);
  assert.notEqual(held().refresh_token, old);
});

test("a storage that hangs holds nobody up for long", async () => {
  world.storage = { get: async () => null, set: never };
  const client = world.client();
  const began = world.clock.time;
  await world.run(client.logIn(MOBILE, CODE));
  assert.ok(world.clock.time - began <= 10_000);
  assert.equal(await world.run(client.request()), 200);
});

test("a storage that cannot be read says so, and that nobody is logged in it does not say", async () => {
  const client = world.client({ storage: { get: broken, set: never } });
  await assert.rejects(world.run(client.state()), TypeError);
  assert.deepEqual(world.reasons, []);
});

test("a log-out writes over what cannot be read, and does not say that Latch has heard of it", async () => {
  await world.loggedIn();
  const { storage } = world;
  const client = world.client({ storage: { get: broken, set: storage.set } });
  assert.equal(await world.run(client.logOut()), false);
  assert.deepEqual(JSON.parse(storage.get("latch")), { reason: "logged_out" });
});

test("a storage that forgets what is written to it costs a refresh for each request, not a loop", async () => {
  const values = new Map();
  let forgets = false;
  world.storage = {
    get: (key) => values.get(key),
    set: (key, value) => forgets || values.set(key, value),
    watch: () => () => {},
  };
  const client = await world.loggedIn();
  forgets = true;
  world.latch.forgetTokens();
  assert.equal(await world.run(client.request()), 200);
  assert.equal(world.latch.refreshes(), 1);
});

for (const junk of ["", "null", "[]", "{", '"x"', '{"session":{"token":1}}']) {
  test(`junk in the storage (${junk || "nothing"}) is nobody logged in`, async () => {
    world.storage.set("latch", junk);
    world.storage.set("latch.code", junk);
    const client = world.client();
    assert.equal((await world.run(client.state())).loggedIn, false);
    const told = [];
    client.countdown(MOBILE, (seconds) => told.push(seconds));
    await world.clock.pass(0);
    assert.deepEqual(told, [0]);
  });
}

const tabs = (locks) => {
  setLocks(locks);
  const { tab, values } = sharedStorage(world.clock);
  world.storage = tab();
  return { tab, values };
};

test("two tabs that are refused at the same time refresh once", async () => {
  const { tab } = tabs(fairLocks());
  const one = await world.loggedIn();
  const other = world.client({ storage: tab() });
  world.latch.forgetTokens();
  world.network = async (arrive) => {
    const answer = await arrive();
    await world.clock.sleep(200);
    return answer;
  };
  const all = [one, other].flatMap((client) => Array.from({ length: 20 }, () => client.request()));
  assert.deepEqual(await world.run(Promise.all(all)), Array(40).fill(200));
  assert.equal(world.latch.refreshes(), 1);
});

test("a tab that is frozen with the lock in its hands holds up the others for 5 s, and then loses nobody", async () => {
  const { tab } = tabs(fairLocks());
  const one = await world.loggedIn();
  const other = world.client({ storage: tab() });
  world.latch.forgetTokens();
  let thaw;
  world.network = async (arrive) => {
    const answer = await arrive();
    world.network = (go) => go();
    await new Promise((resolve) => (thaw = resolve));
    return answer;
  };
  let isFrozen = true;
  const timers = [];
  const after = (milliseconds, run) => world.clock.after(milliseconds, () => (isFrozen ? timers.push(run) : run()));
  const frozen = world.client({ storage: tab(), clock: { now: world.clock.now, after } });
  await world.run(frozen.state());
  const request = frozen.request();
  await world.clock.pass(10);
  const began = world.clock.time;
  assert.equal(await world.run(other.request()), 200);
  assert.equal(world.clock.time - began, 5000);
  for (let hour = 0; hour < 3; hour++) {
    await world.clock.pass(HOUR);
    assert.equal(await world.run(one.request()), 200);
  }
  const newest = held();
  isFrozen = false;
  thaw();
  for (const run of timers) run();
  assert.equal(await world.run(request), 200);
  assert.deepEqual(held(), newest);
  await world.clock.pass(2 * HOUR);
  assert.equal(await world.run(frozen.request()), 200);
  assert.deepEqual([world.latch.live.id, world.reasons], ["s0", []]);
});

test("a log-out in one tab is told in the other, with its reason, and a login as well", async () => {
  const { tab } = tabs(fairLocks());
  const one = await world.loggedIn({ onLoggedOut: undefined });
  const other = world.client({ storage: tab() });
  const states = [];
  await world.run(other.state());
  other.subscribe((state) => states.push(state));
  await world.run(one.logOut());
  await world.clock.pass(10);
  assert.deepEqual([world.reasons, states], [["logged_out"], [{ loggedIn: false, reason: "logged_out" }]]);
  await world.run(one.logIn(MOBILE, CODE));
  await world.clock.pass(10);
  assert.deepEqual(states[1], { loggedIn: true, userId: 42, sessionId: "s1" });
  other.close();
  await world.run(one.logOut());
  await world.clock.pass(10);
  assert.equal(states.length, 2);
});

test("without Web Locks two tabs refresh side by side, get the same refresh token, and both go on", async () => {
  const { tab } = tabs(undefined);
  const one = await world.loggedIn();
  const other = world.client({ storage: tab() });
  world.latch.forgetTokens();
  world.network = async (arrive) => {
    const answer = await arrive();
    await world.clock.sleep(200);
    return answer;
  };
  assert.deepEqual(await world.run(Promise.all([one.request(), other.request()])), [200, 200]);
  assert.equal(world.latch.refreshes(), 2);
  await world.clock.pass(2 * HOUR);
  assert.deepEqual(await world.run(Promise.all([one.request(), other.request()])), [200, 200]);
  assert.ok(world.latch.live);
});

test("errors are errors", () => {
  const error = new LatchError("x", "y");
  assert.ok(error instanceof Error && error.stack && String(error) === "LatchError: y");
});
