import type { Patience } from "./calls.js";
import type { Clock } from "./clock.js";
import type { Reason } from "./errors.js";
import type { LatchStorage } from "./storage.js";
import type { Transport } from "./transport.js";

export interface Options<A extends unknown[], R> extends Partial<Patience> {
  /** Where Latch is, without `/app/v1_0`; empty: where the page is. */
  url: string;
  transport: Transport<A, R>;
  storage: LatchStorage;
  /** Called when the session has ended, in every tab, and why. */
  onLoggedOut?: (reason: Reason) => void;
  /** Shown in the list of devices, like "Ada's phone". */
  deviceName?: string;
  /** More headers for requests to Latch, like Accept-Language. */
  headers?: () => Record<string, string>;
  /** Begins the names of what is kept in the storage; "latch". */
  key?: string;
  /** How long a tab waits for the refresh of another before it makes its own, in milliseconds; 5,000. */
  lockWait?: number;
  clock?: Clock;
}

/** Who is logged in, or why nobody is any more. */
export interface State {
  loggedIn: boolean;
  userId?: number;
  sessionId?: string;
  reason?: Reason;
}

export interface LoggedIn {
  userId: number;
  sessionId: string;
  isNewUser: boolean;
}

export interface CodeOptions {
  /** "change" and "erase" are for who is logged in. */
  purpose?: "login" | "change" | "erase";
  captchaToken?: string;
  channel?: "sms" | "voice" | "whatsapp";
}

export interface CodeSent {
  mobile: string;
  /** Seconds. */
  expiresIn: number;
  resendAfter: number;
}

/** A device of a person's. It logs nothing, and what Latch refuses it throws as `LatchError`. */
export interface LatchClient<A extends unknown[], R> {
  /** Sends a code. 403 `captcha_required`: once more with a `captchaToken`; 429: after `retryAfter` seconds. */
  requestCode(mobile: string, options?: CodeOptions): Promise<CodeSent>;

  /** Seconds until a code may be asked for again, told at once and each second, down to 0, also after a reload. Returns what stops it. */
  countdown(mobile: string, tell: (seconds: number) => void): () => void;

  /** Opens a session. Repeated where the answer is lost: a code is good once. 400 `invalid_code`: a wrong one. */
  logIn(mobile: string, code: string): Promise<LoggedIn>;

  /**
   * Sends a request of the app's to a backend of its own, with the access token: refreshed ahead of its end, and once
   * after a 401, whereupon the request is sent once more. Any other answer is the app's. Nobody logged in: without a
   * token. Throws `unavailable` where the token cannot be refreshed now, `session_ended` where nobody is logged in any more.
   */
  request(...request: A): Promise<R>;

  /** Asks a route of Latch's as who is logged in: `call("GET", "/user")`. Returns its `data`. */
  call<T = any>(method: string, path: string, body?: object): Promise<T>;

  /** A token that is good now, for what this client does not send itself, like a WebSocket. Undefined: nobody is logged in. */
  token(): Promise<string | undefined>;

  /** Ends the session here at once, whatever is under way, and then at Latch. False: Latch has not heard of it. */
  logOut(): Promise<boolean>;

  /** Who is logged in, as the storage has it. */
  state(): Promise<State>;

  /** Calls `listener` when somebody logs in or is logged out, in any tab. Returns what stops it. */
  subscribe(listener: (state: State) => void): () => void;

  /** Hears no other tabs any more. Only where clients come and go, as in tests. */
  close(): void;
}
