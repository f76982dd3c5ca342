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

/** What Latch itself has answered, in JSON of ours. */
export interface Heard {
  status: number;
  body: any;
}

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

const BASE = "/app/v1_0";

/** Asks Latch, and tells its answers from those of whoever else answers on the way. */
export class Calls {
  constructor(
    private readonly url: string,
    private readonly transport: Transport<any, any>,
    private readonly headers: () => Record<string, string>,
    private readonly clock: Clock,
    readonly patience: Patience,
  ) {}

  /** What Latch has answered, success or refusal. Throws `unavailable` where nobody has, or somebody else. */
  async ask({ method, path, token, body, headers }: Ask): Promise<Heard> {
    const call = {
      method,
      url: this.url + BASE + path,
      headers: {
        ...this.headers(),
        ...headers,
        ...(token && { Authorization: "Bearer " + token }),
        ...(body && { "Content-Type": "application/json" }),
      },
      body: body && JSON.stringify(body),
      timeout: this.patience.timeout,
    };
    let status = 0;
    let wait = NaN;
    let requestId: string | undefined;
    try {
      const answer = await within(this.clock, call.timeout, this.transport.call(call));
      status = answer.status;
      wait = parseFloat(answer.header("Retry-After") || "");
      requestId = answer.header("X-Request-ID") || undefined;
      if (status === 204) return { status, body: {} };
      const found = JSON.parse(answer.text);
      const { error, message, fields, reason, retry_after, request_id } = found;
      if (status < 300 && found.data) return { status, body: found.data };
      if (status >= 400 && typeof error === "string") {
        const retryAfter = seconds(retry_after) || seconds(wait);
        const details = { status, fields, reason, retryAfter, requestId: request_id || requestId };
        return { status, body: new LatchError(error, message, details as object) };
      }
    } catch {
      // no answer, or no JSON
    }
    const retryAfter = seconds(wait);
    const details = { status, requestId, retryAfter } as object;
    throw new LatchError("unavailable", "Latch cannot be reached. Please try again later.", details);
  }

  /** Its data. Throws what Latch refuses. */
  async data<T>(ask: Ask): Promise<T> {
    const { status, body } = await this.ask(ask);
    if (status >= 400) throw body;
    return body as T;
  }

  /** Whether there is to be one more attempt after `attempt` others and this failure; waits until it is due. */
  async pause(attempt: number, failure: LatchError): Promise<boolean> {
    const { attempts, backoff, longestPause } = this.patience;
    const due = (failure.retryAfter || 0) * 1000;
    if (attempt >= attempts || due > longestPause) return false;
    await sleep(this.clock, due + backoff * 2 ** (attempt - 1) * (0.5 + Math.random()));
    return true;
  }
}

const seconds = (value: unknown): number | undefined => ((value as number) >= 0 ? Number(value) : undefined);

/** Whether asking again may help: 5xx, 408, 429, and what is not of Latch. */
export const mayPass = ({ error, status }: LatchError): boolean =>
  error === "unavailable" || status >= 500 || status === 408 || status === 429;
