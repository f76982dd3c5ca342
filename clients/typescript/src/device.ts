import { randomId } from "./random.js";
import type { LatchStorage } from "./storage.js";

/** The id of this device: made once, and kept over log-outs. A storage that fails keeps it as long as the app runs. */
export const deviceIn = (storage: LatchStorage, key: string): (() => Promise<string>) => {
  let id: string | null | undefined;
  return async () => {
    try {
      id = id || (await storage.get(key));
      if (!id) await storage.set(key, (id = randomId()));
    } catch {
      id = id || randomId();
    }
    return id;
  };
};
