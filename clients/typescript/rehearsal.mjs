// Drives this client through `latch rehearse -- node clients/typescript/rehearsal.mjs`: see docs/rehearsal.md.
import { createLatchClient, fetchTransport, LatchError, memoryStorage } from "./dist/latch.js";

const SERVER = process.env.LATCH_REHEARSAL;
const AT_ONCE = 8; // runs at the same time
// Shorter than those of an app: a rehearsal has no seconds to lose.
const PATIENCE = { timeout: 1000, attempts: 8, backoff: 10, longestPause: 300 };
const UNANSWERED = 1000; // milliseconds after which a request to the backend is given up

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const after = (milliseconds, run) => {
  const timer = setTimeout(run, milliseconds);
  return () => clearTimeout(timer);
};
const ask = (path) => fetch(SERVER + path, { method: "POST" });

class Driver {
  constructor(run) {
    this.run = run;
    this.offset = run.clock * 1000;
    this.client = createLatchClient({
      ...PATIENCE,
      url: run.url,
      transport: fetchTransport(),
      storage: memoryStorage(),
      clock: { now: () => Date.now() + this.offset, after },
    });
  }

  /** Returns once it is logged in; tries on until it is, for a while. */
  async logIn() {
    for (let attempt = 0; attempt < 10; attempt++) {
      try {
        return await this.client.logIn(this.run.mobile, this.run.code);
      } catch (error) {
        if (!(error instanceof LatchError)) throw error;
      }
    }
    throw new Error(`no login in run ${this.run.url}`);
  }

  async round() {
    const { loggedIn } = await this.client.state();
    if (!loggedIn) await this.logIn();
    await Promise.allSettled(Array.from({ length: this.run.at_once }, () => this.work()));
  }

  /** One request; what fails is gone over. */
  async work() {
    const answer = await this.client.request(`${this.run.url}/work`, { signal: AbortSignal.timeout(UNANSWERED) });
    await answer.arrayBuffer();
  }

  async play() {
    const { rounds, pause, clock_later: later, url } = this.run;
    await this.logIn();
    for (let round = 0; round < rounds; round++) {
      if (later !== undefined && round === Math.floor(rounds / 2)) this.offset = later * 1000;
      await this.round();
      await sleep(pause * 1000);
    }
    await fetch(`${url}/done`, { method: "POST" });
  }
}

async function playOn() {
  for (;;) {
    const answer = await ask("/next");
    if (answer.status === 204) return;
    await new Driver(await answer.json()).play();
  }
}

await Promise.all(Array.from({ length: AT_ONCE }, playOn));
