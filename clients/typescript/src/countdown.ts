import type { Clock } from "./clock.js";
import type { LatchStorage } from "./storage.js";

export interface Countdown {
  begin(mobile: string, seconds: number): Promise<void>;
  /** Calls `tell` at once and with each second, down to 0. Returns what stops it. */
  watch(mobile: string, tell: (seconds: number) => void): () => void;
}

const ending = (mobile: string): string => mobile.replace(/\D/g, "").slice(-4);

/**
 * When the next code may be asked for, kept as a time: it survives a reload. Of the number its last four digits are kept,
 * so that another number need not wait.
 */
export function countdownOf(storage: LatchStorage, key: string, clock: Clock): Countdown {
  let note: [end: string, since: number, until: number] = ["", 0, 0];

  /** Whole seconds, never more than were asked for, wherever the clock has jumped. */
  const left = async (mobile: string): Promise<number> => {
    try {
      const kept = JSON.parse((await storage.get(key)) as string);
      if (kept[2] > 0) note = kept;
    } catch {
      // memory has it
    }
    const [end, since, until] = note;
    return end === ending(mobile) ? Math.ceil(Math.max(0, Math.min(until - clock.now(), until - since)) / 1000) : 0;
  };

  return {
    async begin(mobile, seconds) {
      note = [ending(mobile), clock.now(), clock.now() + seconds * 1000];
      try {
        await storage.set(key, JSON.stringify(note));
      } catch {
        // memory has it
      }
    },

    watch(mobile, tell) {
      let stop = () => {};
      let isOver = false;
      const tick = async () => {
        const seconds = await left(mobile);
        if (isOver) return;
        if (seconds) stop = clock.after(1000, tick);
        tell(seconds);
      };
      void tick();
      return () => {
        isOver = true;
        stop();
      };
    },
  };
}
