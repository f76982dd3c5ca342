/** The time, and waiting. Another one is handed in by tests. */
export interface Clock {
	/** Milliseconds since the epoch. It may be wrong, and may jump. */
	now(): number;
	/** Calls `run` in so many milliseconds. Returns what stops it. */
	after(milliseconds: number, run: () => void): () => void;
}
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
export declare class LatchError extends Error {
	readonly error: string;
	readonly status: number;
	readonly fields: Record<string, string>;
	readonly reason: Reason | undefined;
	readonly retryAfter: number | undefined;
	readonly requestId: string | undefined;
	constructor(error: string, message: string, { status, fields, reason, retryAfter, requestId }?: LatchErrorDetails);
}
/** A request of the client itself. */
export interface Call {
	method: string;
	url: string;
	headers: Record<string, string>;
	body: string | undefined;
	/** Milliseconds, after which nobody waits for the answer. */
	timeout: number;
}
export interface Answer {
	status: number;
	text: string;
	header(name: string): string | null | undefined;
}
/** What came of a request of the app's: `done` returns what its caller gets, or throws it. */
export interface Sent<R> {
	status: number;
	done(): R;
}
/** How requests are sent: `A` is what the app hands over for one, `R` what it gets. */
export interface Transport<A extends unknown[], R> {
	/** Rejects where there is no answer. */
	call(call: Call): Promise<Answer>;
	/** Sends a request of the app's, with this access token. */
	send(token: string | undefined, ...request: A): Promise<Sent<R>>;
	/** Whether it can be sent once more: a stream cannot. */
	repeats(...request: A): boolean;
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
export declare const memoryStorage: () => LatchStorage;
/** `localStorage`, shared by the tabs of an origin. Memory where the browser forbids it. */
export declare const webStorage: () => LatchStorage;
/** React Native's AsyncStorage, or what is like it. */
export declare const asyncStorage: (storage: {
	getItem(key: string): Promise<string | null>;
	setItem(key: string, value: string): Promise<unknown>;
}) => LatchStorage;
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
/** Make one for the whole app. */
export declare function createLatchClient<A extends unknown[], R>(options: Options<A, R>): LatchClient<A, R>;
/**
 * The code, as the browser reads it from the message (WebOTP), or undefined: where it cannot, where nobody allowed it, or
 * after `signal`. Latch sends such messages where SMS_DOMAIN names this page's site.
 */
export declare function readCode(signal?: AbortSignal): Promise<string | undefined>;
export type AxiosConfig = {
	headers?: any;
	data?: any;
} & Record<string, any>;
export type AxiosAnswer = {
	status: number;
	headers?: any;
	data?: any;
};
/** `axios`, or an instance of it, without an interceptor that refreshes. */
export declare const axiosTransport: <C extends AxiosConfig, R extends AxiosAnswer>(axios: {
	request(config: C): Promise<R>;
}) => Transport<[
	config: C
], R>;

export {};
