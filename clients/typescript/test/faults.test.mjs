// Seeded lives on a network that loses, doubles, delays and answers for Latch: no session that lives is ever lost.
import assert from "node:assert/strict";
import { test } from "node:test";
import { broken, CODE, fairLocks, html, json, MOBILE, never, refusal, setLocks, sharedStorage, World } from "./world.mjs";

const LIVES = Number(process.env.LATCH_LIVES || 1500);
const FIRST = Number(process.env.LATCH_SEED || 0);
const ROUNDS = 24;

/** mulberry32: the same numbers for the same seed. */
function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const FOREIGN = [
  html(200),
  json(200, { code: 0, data: null }),
  { status: 200, text: '{"message":"ok","data":{"token":"', headers: {} },
  json(200, { data: { token: "x", refresh_token: 5, expires_in: 1 } }),
  html(401),
  html(403),
  json(403, { error: "access_denied" }),
  html(408),
  refusal(429, "too_many_requests", { retry_after: 2 }),
  html(502),
  refusal(503, "service_unavailable", {}, { "Retry-After": "4" }),
  refusal(503, "service_unavailable", {}, { "Retry-After": "900" }),
];

class Life {
  constructor(seed) {
    this.random = random(seed);
    this.world = new World();
    setLocks(this.chance(0.5) ? fairLocks() : undefined);
    const { tab } = sharedStorage(this.world.clock);
    const count = 1 + Math.floor(this.random() * 3);
    this.tabs = Array.from({ length: count }, () => this.world.client({ storage: tab() }));
    this.world.clock.offset = Math.floor((this.random() - 0.5) * 20 * 3_600_000);
    this.burst = 0;
  }

  chance(probability) {
    return this.random() < probability;
  }

  pick(values) {
    return values[Math.floor(this.random() * values.length)];
  }

  /** What the network does to a request that goes to Latch. */
  network = async (arrive, call) => {
    const { clock } = this.world;
    if (this.burst-- > 0) return refusal(503, "service_unavailable");
    switch (this.pick(["fine", "fine", "fine", "lost", "unsent", "doubled", "late", "overtaken", "foreign", "instead", "burst"])) {
      case "lost":
        await arrive();
        return this.chance(0.5) ? never() : broken();
      case "unsent":
        return this.chance(0.5) ? never() : broken();
      case "doubled": {
        const first = arrive();
        await clock.sleep(this.random() * 3000);
        const second = arrive();
        return this.chance(0.5) ? first : second;
      }
      case "late": {
        const answer = await arrive();
        await clock.sleep(this.random() * 20_000);
        return answer;
      }
      case "overtaken":
        await clock.sleep(this.random() * 20_000);
        return call.method === "PUT" || clock.time < this.loginUntil ? arrive() : never();
      case "foreign":
        await arrive();
        return this.pick(FOREIGN);
      case "instead":
        return this.pick(FOREIGN);
      case "burst":
        this.burst = Math.floor(this.random() * 12);
        return broken();
      default:
        await clock.sleep(this.random() * 500);
        return arrive();
    }
  };

  backend = async (arrive) => (this.chance(0.15) ? this.pick([403, 429, 503, 401]) : arrive());

  async logIn() {
    const { world } = this;
    this.loginUntil = Infinity;
    world.network = (arrive) => arrive();
    await world.run(this.pick(this.tabs).logIn(MOBILE, CODE));
    await world.clock.pass(10);
    await world.run(Promise.all(this.tabs.map((tab) => tab.state())));
    world.network = this.network;
    world.backend = this.backend;
  }

  async round() {
    const { world } = this;
    await world.clock.pass(this.pick([10, 5000, 40_000, 100_000, 3_000_000, 4_000_000]));
    if (this.chance(0.4)) world.latch.forgetTokens();
    if (this.chance(0.05)) world.clock.offset += Math.floor((this.random() - 0.5) * 10 * 3_600_000);
    const asked = [];
    for (let number = 0; number < 4; number++) {
      asked.push(this.pick(this.tabs).request().catch((error) => error.error));
      if (this.chance(0.3)) await world.clock.pass(this.random() * 3000);
    }
    return world.run(Promise.all(asked));
  }

  /** What each tab gets on a good network. */
  async calm() {
    const { world } = this;
    world.network = world.backend = (arrive) => arrive();
    await world.clock.pass(60_000);
    return world.run(Promise.all(this.tabs.map((tab) => tab.request().catch((error) => error.error))));
  }
}

test(`in ${LIVES} lives from seed ${FIRST} on no session that lives is lost`, async () => {
  for (let seed = FIRST; seed < FIRST + LIVES; seed++) {
    const life = new Life(seed);
    await life.logIn();
    for (let round = 0; round < ROUNDS; round++) {
      await life.round();
      assert.deepEqual(life.world.reasons, [], `seed ${seed}, round ${round}: somebody was logged out`);
      assert.ok(life.world.latch.live, `seed ${seed}, round ${round}: ${life.world.latch.sessions[0].ended}`);
    }
    assert.deepEqual(await life.calm(), life.tabs.map(() => 200), `seed ${seed}`);
    assert.equal(life.world.latch.sessions.length, 1);
  }
});

test("a session that ends in trouble is told in each tab, once, and then no token is used any more", async () => {
  for (let seed = FIRST; seed < FIRST + LIVES / 5; seed++) {
    const life = new Life(seed);
    await life.logIn();
    for (let round = 0; round < 4; round++) await life.round();
    life.world.latch.end("revoked");
    life.world.latch.forgetTokens();
    for (let round = 0; round < 4; round++) await life.round();
    await life.calm();
    await life.world.clock.pass(10);
    assert.deepEqual(life.world.reasons, life.tabs.map(() => "revoked"), `seed ${seed}`);
    const refreshes = life.world.latch.refreshes();
    life.world.backend = async (_, token) => (token ? 500 : 401);
    assert.deepEqual(await life.world.run(Promise.all(life.tabs.map((tab) => tab.request()))), life.tabs.map(() => 401));
    assert.equal(life.world.latch.refreshes(), refreshes);
  }
});
