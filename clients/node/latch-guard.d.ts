/**
 * Whose the token is, and for how many seconds it is good, if nobody ends the session.
 */
export type Identity = {
    userId: number;
    sessionId: string;
    expiresIn: number;
};
/**
 * What the client is to hear instead of the backend: Latch's refusal, or a 503 where nobody knows. Never a 401 then,
 * because apps delete their tokens on that.
 */
export type Answer = {
    status: number;
    headers: Record<string, string>;
    body: Buffer;
};
/**
 * One of the two is there.
 */
export type Outcome = {
    identity: Identity;
    answer?: undefined;
} | {
    identity?: undefined;
    answer: Answer;
};
/**
 * `timeout`: milliseconds for a whole check, 1000. `connections`: of this process at most, 32. `tls`: for https.
 * `warn`: told what is wrong with Latch; console.warn.
 */
export type Options = {
    timeout?: number;
    connections?: number;
    tls?: https.AgentOptions;
    warn?: (trouble: string) => void;
};
/**
 * `public`: paths that need no token, compared exactly: a prefix would meet `..` and `//` one day.
 */
export type ProtectOptions = Options & {
    public?: string[];
};
/**
 * Whose the token is, and for how many seconds it is good, if nobody ends the session.
 * @typedef {{ userId: number, sessionId: string, expiresIn: number }} Identity
 */
/**
 * What the client is to hear instead of the backend: Latch's refusal, or a 503 where nobody knows. Never a 401 then,
 * because apps delete their tokens on that.
 * @typedef {{ status: number, headers: Record<string, string>, body: Buffer }} Answer
 */
/**
 * One of the two is there.
 * @typedef {{ identity: Identity, answer?: undefined } | { identity?: undefined, answer: Answer }} Outcome
 */
/**
 * `timeout`: milliseconds for a whole check, 1000. `connections`: of this process at most, 32. `tls`: for https.
 * `warn`: told what is wrong with Latch; console.warn.
 * @typedef {{ timeout?: number, connections?: number, tls?: https.AgentOptions, warn?: (trouble: string) => void }} Options
 */
/**
 * `public`: paths that need no token, compared exactly: a prefix would meet `..` and `//` one day.
 * @typedef {Options & { public?: string[] }} ProtectOptions
 */
/** Asks the Latch at an address. */
export class Guard {
    /**
     * @param {string} url
     * @param {Options} [options]
     */
    constructor(url: string, { timeout, connections, tls, warn }?: Options);
    url: import("url").URL;
    /** @type {http.Agent} */
    agent: http.Agent;
    /** @type {(url: URL, options: http.RequestOptions) => http.ClientRequest} */
    request: (url: URL, options: http.RequestOptions) => http.ClientRequest;
    timeout: number;
    warn: (trouble: string) => void;
    /**
     * Judge a request, a WebSocket's upgrade among them. Trouble is an answer; it is never thrown.
     * @param {http.IncomingMessage} request
     * @returns {Promise<Outcome>}
     */
    check(request: http.IncomingMessage): Promise<Outcome>;
    /**
     * Ask within the time limit; a second time where a kept connection turns out to be closed. A GET may be repeated.
     * @private
     * @param {Record<string, string>} headers
     * @returns {Promise<{ status: number, headers: http.IncomingHttpHeaders, body: Buffer }>}
     */
    private ask;
    /**
     * @private
     * @param {Record<string, string>} headers
     * @param {AbortSignal} signal
     * @returns {Promise<{ status: number, headers: http.IncomingHttpHeaders, body: Buffer }>}
     */
    private exchange;
    /** Close the connections. */
    close(): void;
}
/**
 * Express: only live tokens pass, with their Identity in `request.latch`.
 * @param {string | Guard} guard
 * @param {ProtectOptions} [options]
 * @returns {(request: any, response: any, next: (error?: unknown) => void) => Promise<void>}
 */
export function express(guard: string | Guard, options?: ProtectOptions): (request: any, response: any, next: (error?: unknown) => void) => Promise<void>;
/**
 * Fastify: as for Express, by `app.register(fastify, { url, public })`. Closes the connections with the application.
 * @param {any} app
 * @param {ProtectOptions & { url: string }} options
 * @returns {Promise<void>}
 */
export function fastify(app: any, options: ProtectOptions & {
    url: string;
}): Promise<void>;
import https = require("node:https");
import http = require("node:http");
