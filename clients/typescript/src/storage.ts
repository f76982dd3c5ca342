import type { Clock } from "./clock.js";
import { within } from "./clock.js";

/** Where the session is kept: values of text by key, at once or promised. */
export interface LatchStorage {
  get(key: string): string | null | undefined | Promise<string | null | undefined>;
  set(key: string, value: string): unknown;
  /**
   * Only where others share it, as tabs do: calls `changed` when one of them has written. The client then reads it anew
   * for each request, and takes a lock for a refresh. Returns what stops it.
   */
  watch?(key: string, changed: () => void): () => void;
}

/** Forgets all when the page or the process ends. */
export const memoryStorage = (): LatchStorage => {
  const values = new Map<string, string>();
  return { get: (key) => values.get(key), set: (key, value) => values.set(key, value) };
};

/** `localStorage`, shared by the tabs of an origin. Memory where the browser forbids it. */
export const webStorage = (): LatchStorage => {
  let area: globalThis.Storage;
  try {
    area = localStorage;
    area.getItem("");
  } catch {
    return memoryStorage();
  }
  return {
    get: (key) => area.getItem(key),
    set: (key, value) => area.setItem(key, value),
    watch(key, changed) {
      // A key of null: the whole area was cleared.
      const heard = (event: StorageEvent) => void ((event.key === key || event.key === null) && changed());
      addEventListener("storage", heard);
      return () => removeEventListener("storage", heard);
    },
  };
};

/** React Native's AsyncStorage, or what is like it. */
export const asyncStorage = (storage: {
  getItem(key: string): Promise<string | null>;
  setItem(key: string, value: string): Promise<unknown>;
}): LatchStorage => ({ get: (key) => storage.getItem(key), set: (key, value) => storage.setItem(key, value) });

const LONGEST = 5000; // milliseconds that a storage gets

/** The same, which rejects where it would hang. What it has at once it still has at once. */
export function bounded(storage: LatchStorage, clock: Clock): LatchStorage {
  const limited = <T>(value: T | Promise<T>): T | Promise<T> =>
    value && typeof (value as Promise<T>).then === "function" ? within(clock, LONGEST, value as Promise<T>) : value;
  return {
    get: (key) => limited(storage.get(key)),
    set: (key, value) => limited(storage.set(key, value)),
    ...(storage.watch && { watch: (key: string, changed: () => void) => storage.watch!(key, changed) }),
  };
}
