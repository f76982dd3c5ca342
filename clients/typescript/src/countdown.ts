import type { Clock } from "./clock.js";
import type { Storage } from "./storage.js";

/**
 * When the next code may be asked for, kept as a time: it survives a reload. Of the number its last four digits are kept,
 * so that another number need not wait.
 */
export class Countdown {
  private note = ["", 0, 0] as [end: string, since: number, until: number];

  constructor(
    private readonly storage: Storage,
    private readonly key: string,
    private readonly clock: Clock,
  ) {}

  async begin(mobile: string, seconds: number): Promise<void> {
    const now = this.clock.now();
    this.note = [ending(mobile), now, now + seconds * 1000];
    try {
      await this.storage.set(this.key, JSON.stringify(this.note));
    } catch {
      // memory has it
    }
  }

  /** Whole seconds, never more than were asked for, wherever the clock has jumped. */
  async left(mobile: string): Promise<number> {
    try {
      const note = JSON.parse((await this.storage.get(this.key)) as string);
      if (note[2] > 0) this.note = note;
    } catch {
      // memory has it
    }
    const [end, since, until] = this.note;
    return end === ending(mobile) ? Math.ceil(Math.max(0, Math.min(until - this.clock.now(), until - since)) / 1000) : 0;
  }

  /** Calls `tell` at once and with each second, down to 0. Returns what stops it. */
  watch(mobile: string, tell: (seconds: number) => void): () => void {
    let stop: (() => void) | undefined = () => {};
    const tick = async () => {
      const left = await this.left(mobile);
      if (!stop) return;
      tell(left);
      if (left && stop) stop = this.clock.after(1000, () => void tick());
    };
    void tick();
    return () => {
      stop && stop();
      stop = undefined;
    };
  }
}

const ending = (mobile: string): string => mobile.replace(/\D/g, "").slice(-4);
