import type { Clock } from "./clock.js";
import { sleep } from "./clock.js";
import type { Storage } from "./storage.js";

/**
 * Runs `work` while no other tab does; but after `wait` milliseconds all the same. A lock saves requests and keeps
 * nobody logged in: Latch gives refreshes side by side the same tokens. So none is ever stolen, and a tab that was
 * frozen with one in its hands holds up nobody for long.
 */
export type Lock = <T>(name: string, wait: number, work: () => Promise<T>) => Promise<T>;

const LINGER = 50; // milliseconds until other tabs surely see what this one has stored

/** Web Locks; without them a note in the storage, which two tabs may write at the same moment: that costs a request. */
export const lockOf = (clock: Clock, storage: Storage): Lock => {
  if (!storage.watch) return (_name, _wait, work) => work();
  const { locks } = (globalThis.navigator || {}) as Partial<Navigator>;
  if (!locks) return noted(clock, storage);
  return (name, wait, work) =>
    new Promise((resolve, reject) => {
      const stop = new AbortController();
      const cancel = clock.after(wait, () => stop.abort());
      let done: Promise<unknown> | undefined;
      const run = (): Promise<unknown> => {
        cancel();
        const going = work();
        going.then(resolve, reject);
        return (done = going.then(
          () => sleep(clock, LINGER),
          () => {},
        ));
      };
      locks.request(name, { signal: stop.signal }, run).catch(() => done || run());
    });
};

const noted =
  (clock: Clock, storage: Storage): Lock =>
  async (name, wait, work) => {
    const mine = String(Math.random());
    const holder = async () => String((await storage.get(name)) || "").split(" ");
    try {
      for (let turns = wait / LINGER; turns > 0; turns--) {
        const [, until = 0] = await holder();
        const left = +until - clock.now();
        const isFree = !(left > 0 && left <= wait);
        if (isFree) await storage.set(name, mine + " " + (clock.now() + wait));
        await sleep(clock, LINGER);
        if (isFree && (await holder())[0] === mine) break;
      }
    } catch {
      // without it, then
    }
    try {
      return await work();
    } finally {
      Promise.resolve()
        .then(async () => (await holder())[0] === mine && storage.set(name, ""))
        .catch(() => {});
    }
  };
