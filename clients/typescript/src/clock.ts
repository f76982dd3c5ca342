/** The time, and waiting. Another one is handed in by tests. */
export interface Clock {
  /** Milliseconds since the epoch. It may be wrong, and may jump. */
  now(): number;
  /** Calls `run` in so many milliseconds. Returns what stops it. */
  after(milliseconds: number, run: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after(milliseconds, run) {
    const timer = setTimeout(run, milliseconds);
    return () => clearTimeout(timer);
  },
};

export const sleep = (clock: Clock, milliseconds: number): Promise<void> =>
  new Promise((resolve) => void clock.after(milliseconds, resolve));

/** What `work` resolves with, or a rejection after so many milliseconds: whatever comes later is dropped. */
export const within = <T>(clock: Clock, milliseconds: number, work: Promise<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    const stop = clock.after(milliseconds, () => reject(new Error("timed out")));
    work.then(resolve, reject).then(stop);
  });
