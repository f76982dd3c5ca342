/** Why nobody is logged in any more. `expired`: Latch does not know the refresh token, and has no reason left. */
export type Reason = "logged_out" | "revoked" | "replaced" | "reused" | "disabled" | "expired";

/** What an error carries; `error` is of Latch's list, or one of the client's own: `unavailable`, `cannot_repeat`. */
export interface LatchErrorDetails {
  /** Of HTTP; 0: there was no answer. */
  status?: number;
  fields?: Record<string, string>;
  reason?: Reason;
  /** Seconds. */
  retryAfter?: number;
  requestId?: string;
}

/**
 * Whatever goes wrong between the client and Latch. `message` is a sentence for people where Latch has sent one.
 *
 * `unavailable`: nobody is logged out, try again later. `cannot_repeat`: the token is fresh now; the request had a
 * body that is gone, so send it again.
 */
export class LatchError extends Error {
  declare readonly status: number;
  declare readonly fields: Record<string, string>;
  declare readonly reason: Reason | undefined;
  declare readonly retryAfter: number | undefined;
  declare readonly requestId: string | undefined;

  constructor(
    readonly error: string,
    message: string,
    { status = 0, fields = {}, reason, retryAfter, requestId }: LatchErrorDetails = {},
  ) {
    super(message);
    Object.assign(this, { name: "LatchError", status, fields, reason, retryAfter, requestId });
  }
}
