import type { Clock } from "./clock.js";
import { sleep } from "./clock.js";
import type { LatchStorage } from "./storage.js";

/**
 * Runs `work` while no other tab does; but after `wait` milliseconds all the same. A lock saves requests and keeps
 * nobody logged in: Latch gives refreshes side by side the same tokens. So none is ever stolen, a tab that was frozen with
 * it in its hands holds up nobody for long, and where there are no Web Locks (old browsers, plain http) none is taken.
 */
export type Lock = <T>(work: () => Promise<T>) => Promise<T>;

const LINGER = 50; // milliseconds until other tabs surely see what this one has stored

export const lockOf = (clock: Clock, storage: LatchStorage, name: string, wait: number): Lock => {
  const { locks } = (globalThis.navigator || {}) as Partial<Navigator>;
  if (!storage.watch || !locks) return (work) => work();
  return (work) =>
    new Promise((resolve, reject) => {
      const stop = new AbortController();
      const cancel = clock.after(wait, () => stop.abort());
      let held: Promise<unknown> | undefined;
      const run = () => {
        cancel();
        const done = work();
        done.then(resolve, reject);
        return (held = done.then(
          () => sleep(clock, LINGER),
          () => {},
        ));
      };
      locks.request(name, { signal: stop.signal }, run).catch(() => held || run());
    });
};
