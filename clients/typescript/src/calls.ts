import type { Clock } from "./clock.js";
import { sleep, within } from "./clock.js";
import { LatchError } from "./errors.js";
import type { Transport } from "./transport.js";

/** One request to Latch. */
export interface Ask {
  method: string;
  path: string;
  token?: string | undefined;
  body?: object | undefined;
  headers?: Record<string, string>;
}

/** What Latch has answered: the data of a success, or else an error, `unavailable` where it was not Latch. */
export type Heard = { data: any; error?: never } | { data?: never; error: LatchError };

export interface Patience {
  /** Milliseconds for one attempt, at most 10,000. */
  timeout: number;
  /** How often what may be repeated is tried. */
  attempts: number;
  /** Milliseconds before the second attempt, about; each further pause is twice as long. */
  backoff: number;
  /** The longest Retry-After, in milliseconds, that is waited for; a longer one ends the attempts. */
  longestPause: number;
}

export interface Calls {
  /** Never rejects. */
  ask(ask: Ask): Promise<Heard>;
  /** Whether there is to be one more attempt after so many and this failure; waits until it is due. */
  again(attempt: number, failure: LatchError): Promise<boolean>;
}

const BASE = "/app/v1_0";

const seconds = (value: any): number | undefined => (value > 0 ? +value : undefined);

/** Nobody has answered, or somebody else than Latch. */
export const unavailable = (details?: object): LatchError =>
  new LatchError("unavailable", "Please try again later.", details);

/** Asks Latch, and tells its answers from those of whoever else answers on the way. */
export function callsTo(
  url: string,
  transport: Transport<any, any>,
  moreHeaders: () => Record<string, string>,
  clock: Clock,
  { timeout, attempts, backoff, longestPause }: Patience,
): Calls {
  return {
    async ask({ method, path, token, body, headers }) {
      let details = {};
      try {
        const call = {
          method,
          url: url + BASE + path,
          headers: {
            ...moreHeaders(),
            ...headers,
            ...(token && { Authorization: "Bearer " + token }),
            ...(body && { "Content-Type": "application/json" }),
          },
          body: body && JSON.stringify(body),
          timeout,
        };
        const { status, text, header } = await within(clock, timeout, transport.call(call));
        const wait = seconds(header("Retry-After"));
        details = { status, requestId: header("X-Request-ID"), retryAfter: wait };
        if (status === 204) return { data: {} };
        const { data, error, message, fields, reason, retry_after } = JSON.parse(text);
        if (status < 300 && data) return { data };
        if (status >= 400 && typeof error === "string") {
          const more = { ...details, fields, reason, retryAfter: seconds(retry_after) || wait };
          return { error: new LatchError(error, message, more as object) };
        }
      } catch {
        // no answer, or no JSON
      }
      return { error: unavailable(details) };
    },

    async again(attempt, { retryAfter = 0 }) {
      const due = retryAfter * 1000;
      if (attempt >= attempts || due > longestPause) return false;
      await sleep(clock, due + backoff * 2 ** (attempt - 1) * (0.5 + Math.random()));
      return true;
    },
  };
}
