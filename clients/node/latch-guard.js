"use strict";
// Protects an Express or Fastify backend with Latch: every request asks `GET /app/v1_0/authorizations`, over connections
// that are kept. Nothing is cached: a session deleted in Redis is to be dead at the next request, everywhere.
// One file without dependencies; `import` and `require` both take it. The types in latch-guard.d.ts are made of its
// comments: `npm run types`.

const { randomUUID } = require("node:crypto");
const http = require("node:http");
const https = require("node:https");

const PATH = "/app/v1_0/authorizations";
const KEPT = ["content-type", "www-authenticate", "cache-control", "content-language", "x-request-id"]; // of a refusal
const SENDABLE = /^[\x20-\x7e]{1,4096}$/; // what HTTP cannot carry is no token: Latch is asked without it
const SANE_ID = /^[A-Za-z0-9._-]{1,64}$/; // what Latch takes for an id; of another it makes its own
const LONGEST_BODY = 65_536; // bytes; whoever sends more is not Latch
const IDLE = 30_000; // milliseconds that a connection is kept; balancers drop those of a minute

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
class Guard {
  /**
   * @param {string} url
   * @param {Options} [options]
   */
  constructor(url, { timeout = 1000, connections = 32, tls = {}, warn = console.warn } = {}) {
    this.url = new URL(url.replace(/\/+$/, "") + PATH);
    const secure = this.url.protocol === "https:";
    if (!secure && this.url.protocol !== "http:") throw new TypeError("the address of Latch begins with http:// or https://");
    const kept = { keepAlive: true, maxSockets: connections, maxFreeSockets: connections, timeout: IDLE };
    /** @type {http.Agent} */
    this.agent = secure ? new https.Agent({ ...tls, ...kept }) : new http.Agent(kept);
    /** @type {(url: URL, options: http.RequestOptions) => http.ClientRequest} */
    this.request = secure ? https.request : http.request;
    this.timeout = timeout;
    this.warn = warn;
  }

  /**
   * Judge a request, a WebSocket's upgrade among them. Trouble is an answer; it is never thrown.
   * @param {http.IncomingMessage} request
   * @returns {Promise<Outcome>}
   */
  async check(request) {
    const sent = once(request, "x-request-id");
    const id = sent !== undefined && SANE_ID.test(sent) ? sent : randomUUID().replaceAll("-", "");
    /** @type {Record<string, string>} */
    const headers = { "X-Request-ID": id };
    for (const name of ["Authorization", "Accept-Language"]) {
      const value = once(request, name.toLowerCase());
      if (value !== undefined && SENDABLE.test(value)) headers[name] = value;
    }
    let trouble;
    try {
      const { status, headers: said, body } = await this.ask(headers);
      const outcome = judge(status, said, body);
      if (outcome) return outcome;
      trouble = `answered ${status}, and not as Latch does; is the address right?`;
    } catch (error) {
      trouble = `cannot be reached: ${/** @type {NodeJS.ErrnoException} */ (error).code ?? error}`;
    }
    this.warn(`Latch ${trouble} (request ${id})`);
    return { answer: unavailable(id) };
  }

  /**
   * Ask within the time limit; a second time where a kept connection turns out to be closed. A GET may be repeated.
   * @private
   * @param {Record<string, string>} headers
   * @returns {Promise<{ status: number, headers: http.IncomingHttpHeaders, body: Buffer }>}
   */
  async ask(headers) {
    const ends = AbortSignal.timeout(this.timeout);
    try {
      return await this.exchange(headers, ends);
    } catch (error) {
      if (!(/** @type {{ stale?: boolean }} */ (error).stale)) throw error;
      return await this.exchange(headers, ends);
    }
  }

  /**
   * @private
   * @param {Record<string, string>} headers
   * @param {AbortSignal} signal
   * @returns {Promise<{ status: number, headers: http.IncomingHttpHeaders, body: Buffer }>}
   */
  exchange(headers, signal) {
    return new Promise((resolve, reject) => {
      const request = this.request(this.url, { agent: this.agent, headers, signal });
      request.on("error", (/** @type {NodeJS.ErrnoException} */ error) => {
        const stale = request.reusedSocket && ["ECONNRESET", "EPIPE"].includes(error.code ?? "");
        reject(Object.assign(error, { stale }));
      });
      request.on("response", (response) => {
        /** @type {Buffer[]} */
        const parts = [];
        let length = 0;
        response.on("data", (/** @type {Buffer} */ part) => {
          parts.push(part);
          length += part.length;
          if (length > LONGEST_BODY) request.destroy(new Error("the answer is too long to be Latch's"));
        });
        response.on("error", reject);
        response.on("end", () => {
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts) });
        });
      });
      request.end();
    });
  }

  /** Close the connections. */
  close() {
    this.agent.destroy();
  }
}

/**
 * The value of a header, undefined unless sent exactly once: of two tokens, who knows which one was meant. Node keeps the
 * first of two in `headers`.
 * @param {http.IncomingMessage} request
 * @param {string} name
 * @returns {string | undefined}
 */
function once(request, name) {
  const values = request.rawHeaders.filter((_, at) => at % 2 && request.rawHeaders[at - 1].toLowerCase() === name);
  return values.length === 1 ? values[0] : undefined;
}

/**
 * What an answer means; undefined for one that Latch does not give, whatever its status.
 * @param {number} status
 * @param {http.IncomingHttpHeaders} headers
 * @param {Buffer} body
 * @returns {Outcome | undefined}
 */
function judge(status, headers, body) {
  const said = read(body);
  if (status === 200) {
    const { user_id: userId, session_id: sessionId, expires_in: expiresIn } = said?.data ?? {};
    const good = Number.isSafeInteger(userId) && typeof sessionId === "string" && Number.isSafeInteger(expiresIn);
    return good ? { identity: { userId, sessionId, expiresIn } } : undefined;
  }
  if ((status !== 401 && status !== 403) || typeof said?.error !== "string") return undefined;
  const kept = KEPT.filter((name) => headers[name] !== undefined).map((name) => [name, String(headers[name])]);
  return { answer: { status, headers: Object.fromEntries(kept), body } };
}

/**
 * The JSON; undefined for what is none.
 * @param {Buffer} body
 * @returns {any}
 */
function read(body) {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
}

/**
 * The 503 that a client hears, in the shape of Latch's own.
 * @param {string} id
 * @returns {Answer}
 */
function unavailable(id) {
  const message = "The service is temporarily unavailable. Please try again.";
  const body = Buffer.from(JSON.stringify({ message, error: "service_unavailable", request_id: id }));
  const headers = { "content-type": "application/json", "cache-control": "no-store", "retry-after": "1", "x-request-id": id };
  return { status: 503, headers, body };
}

/**
 * Express: only live tokens pass, with their Identity in `request.latch`.
 * @param {string | Guard} guard
 * @param {ProtectOptions} [options]
 * @returns {(request: any, response: any, next: (error?: unknown) => void) => Promise<void>}
 */
function express(guard, options = {}) {
  const asks = typeof guard === "string" ? new Guard(guard, options) : guard;
  const isPublic = new Set(options.public);
  return async (request, response, next) => {
    if (isPublic.has(request.baseUrl + request.path)) return next();
    const { identity, answer } = await asks.check(request);
    if (answer) {
      response.writeHead(answer.status, answer.headers).end(answer.body);
      return;
    }
    request.latch = identity;
    next();
  };
}

/**
 * Fastify: as for Express, by `app.register(fastify, { url, public })`. Closes the connections with the application.
 * @param {any} app
 * @param {ProtectOptions & { url: string }} options
 * @returns {Promise<void>}
 */
async function fastify(app, options) {
  const guard = new Guard(options.url, options);
  const isPublic = new Set(options.public);
  app.decorateRequest("latch", null);
  app.addHook("onRequest", async (/** @type {any} */ request, /** @type {any} */ reply) => {
    if (isPublic.has(request.url.split("?")[0])) return undefined;
    const { identity, answer } = await guard.check(request.raw);
    request.latch = identity;
    return answer && reply.code(answer.status).headers(answer.headers).send(answer.body);
  });
  app.addHook("onClose", async () => guard.close());
}
// What fastify-plugin does: the hook is the whole application's, not that of this plugin's own routes.
Object.assign(fastify, { [Symbol.for("skip-override")]: true, [Symbol.for("fastify.display-name")]: "latch-guard" });

exports.Guard = Guard;
exports.express = express;
exports.fastify = fastify;
