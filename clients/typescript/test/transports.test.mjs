// The adapters, each against a server of this process.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, beforeEach, test } from "node:test";
import { createLatchClient, fetchTransport, memoryStorage, readCode } from "../dist/latch.js";
import { axiosTransport } from "../dist/latch-axios.js";
import { miniProgramStorage, miniProgramTransport } from "../dist/latch-miniprogram.js";

let url;
let heard = [];
let good = "a1";
const pair = () => ({ token: "a2", refresh_token: "r2", expires_in: 3600, user_id: 1, session_id: "s" });
const server = createServer(async (request, response) => {
  let body = "";
  for await (const part of request) body += part;
  heard.push({ method: request.method, url: request.url, headers: request.headers, body });
  const answer = (status, value, headers = {}) => response.writeHead(status, headers).end(JSON.stringify(value));
  const data = { ...pair(), token: "a1", refresh_token: "r1", mobile: "1" };
  if (request.url.startsWith("/app/v1_0/")) {
    if (request.method === "PUT") answer(200, { data: pair() });
    else if (request.method === "DELETE") response.writeHead(204).end();
    else if (request.url.endsWith("/slow")) setTimeout(answer, 2000, 200, { data });
    else if (request.url.endsWith("/busy")) answer(429, { error: "too_many_requests", message: "Slowly." }, { "Retry-After": "7", "X-Request-ID": "of-the-request" });
    else if (request.url.endsWith("/html")) response.writeHead(403, { "Content-Type": "text/html" }).end("<h1>No</h1>");
    else answer(200, { data });
  } else answer(request.headers.authorization === `Bearer ${good}` ? 200 : 401, { body });
});
before(async () => {
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${server.address().port}`;
});
beforeEach(() => ((heard = []), (good = "a1")));
after(() => void server.close().closeAllConnections());

/** `axios.request` as its documentation has it, over fetch. */
const axios = {
  async request({ url, method = "GET", headers, data, timeout, validateStatus = (status) => status < 300, transformResponse = JSON.parse }) {
    const answer = await fetch(url, { method, headers, body: data, ...(timeout && { signal: AbortSignal.timeout(timeout) }) });
    const response = { status: answer.status, data: transformResponse(await answer.text()), headers: Object.fromEntries(answer.headers) };
    if (validateStatus(answer.status)) return response;
    throw Object.assign(new Error(`status ${answer.status}`), { response });
  },
};
/** `wx.request` likewise. */
const wx = {
  request({ url, method = "GET", header, data, timeout, dataType = "json", success, fail }) {
    fetch(url, { method, headers: header, body: data, ...(timeout && { signal: AbortSignal.timeout(timeout) }) })
      .then(async (answer) => {
        const text = await answer.text();
        const names = [...answer.headers].map(([name, value]) => [name.replace(/\b\w/g, (letter) => letter.toUpperCase()), value]);
        success({ statusCode: answer.status, header: Object.fromEntries(names), data: dataType === "json" ? JSON.parse(text) : text });
      })
      .catch((error) => fail({ errMsg: `request:fail ${error}` }));
  },
};
const body = "hello";
const KINDS = {
  fetch: { transport: fetchTransport(), request: (path) => [url + path, { method: "POST", body, headers: { "X-Own": "1" } }], status: (answer) => answer.status },
  axios: { transport: axiosTransport(axios), request: (path) => [{ url: url + path, method: "POST", data: body, headers: { "X-Own": "1" } }], status: (answer) => answer.status },
  wx: { transport: miniProgramTransport(wx), request: (path) => [{ url: url + path, method: "POST", data: body, header: { "X-Own": "1" } }], status: (answer) => answer.statusCode },
};

for (const [name, { transport, request, status }] of Object.entries(KINDS)) {
  const make = (options) => createLatchClient({ url, transport, storage: memoryStorage(), attempts: 2, backoff: 10, ...options });

  test(`${name}: a login, a request that is refused and sent again whole, a log-out`, async () => {
    const client = make({ deviceName: "名前", headers: () => ({ "Accept-Language": "zh-CN" }) });
    await client.logIn("1", "2");
    good = "a2";
    assert.equal(status(await client.request(...request("/work"))), 200);
    assert.equal(await client.logOut(), true);
    const told = heard.map(({ method, headers, body }) => [method, headers.authorization, body]);
    assert.deepEqual(told, [
      ["POST", undefined, '{"mobile":"1","code":"2"}'],
      ["POST", "Bearer a1", body],
      ["PUT", "Bearer r1", ""],
      ["POST", "Bearer a2", body],
      ["DELETE", "Bearer r2", ""],
    ]);
    assert.equal(heard[0].headers["x-device-name"], "%E5%90%8D%E5%89%8D");
    assert.equal(heard[0].headers["accept-language"], "zh-CN");
    assert.equal(heard[3].headers["x-own"], "1");
  });

  test(`${name}: errors are of Latch, with status, wait and id, or "unavailable"`, async () => {
    const client = make({ timeout: 300 });
    const busy = await client.call("GET", "/busy").catch((error) => error);
    assert.deepEqual([busy.status, busy.error, busy.message, busy.retryAfter, busy.requestId], [429, "too_many_requests", "Slowly.", 7, "of-the-request"]);
    const html = await client.call("GET", "/html").catch((error) => error);
    assert.deepEqual([html.status, html.error], [403, "unavailable"]);
    const slow = await client.call("GET", "/slow").catch((error) => error);
    assert.deepEqual([slow.status, slow.error], [0, "unavailable"]);
    const gone = make({ url: "http://127.0.0.1:1" });
    assert.equal((await gone.call("GET", "/user").catch((error) => error)).error, "unavailable");
  });
}

const loggedIn = async (transport) => {
  const client = createLatchClient({ url, transport, storage: memoryStorage() });
  await client.logIn("1", "2");
  good = "a2";
  return client;
};

test("fetch: a Request with a body is sent again whole", async () => {
  const client = await loggedIn(fetchTransport());
  const answer = await client.request(new Request(`${url}/work`, { method: "PUT", body, headers: { "X-Own": "1" } }));
  assert.deepEqual([answer.status, await answer.json(), heard.at(-1).headers["x-own"]], [200, { body }, "1"]);
});

test("fetch: a stream cannot be sent again, and that is told", async () => {
  const client = await loggedIn(fetchTransport());
  const stream = () => ({ method: "POST", duplex: "half", body: new Blob([body]).stream() });
  await assert.rejects(client.request(`${url}/work`, stream()), { name: "LatchError", error: "cannot_repeat" });
  assert.equal((await client.request(`${url}/work`, stream())).status, 200);
});

test("fetch: a request that its caller aborts is not sent", async () => {
  const client = await loggedIn(fetchTransport());
  await assert.rejects(client.request(`${url}/work`, { signal: AbortSignal.abort() }), { name: "AbortError" });
});

test("axios: what it throws is thrown, a 401 as well", async () => {
  const client = await loggedIn(axiosTransport(axios));
  good = "none";
  await assert.rejects(client.request({ url: `${url}/work` }), (error) => error.response.status === 401);
  await assert.rejects(client.request({ url: "http://127.0.0.1:1/" }), TypeError);
});

test("axios: a stream cannot be sent again", async () => {
  const client = await loggedIn(axiosTransport({ request: async (config) => (config.data?.pipe ? { status: 401 } : axios.request(config)) }));
  await assert.rejects(client.request({ url: `${url}/work`, data: { pipe() {} } }), { error: "cannot_repeat" });
});

test("wx: its failures are thrown, and its storage is told from an empty one", async () => {
  const client = await loggedIn(miniProgramTransport(wx));
  await assert.rejects(client.request({ url: "http://127.0.0.1:1/" }), ({ errMsg }) => errMsg.startsWith("request:fail"));
  const values = {};
  const storage = miniProgramStorage({ getStorageSync: (key) => values[key] ?? "", setStorageSync: (key, value) => void (values[key] = value) });
  assert.equal(storage.get("none"), "");
  storage.set("some", "x");
  assert.equal(storage.get("some"), "x");
});

test("WebOTP: the code, or undefined where the browser has none or is told to stop", async () => {
  assert.equal(await readCode(), undefined);
  globalThis.OTPCredential = class {};
  const asked = [];
  const get = async (options) => {
    asked.push(options);
    if (options.signal?.aborted) throw options.signal.reason;
    return asked.length === 1 ? { code: "246810" } : null;
  };
  Object.defineProperty(globalThis, "navigator", { value: { credentials: { get } }, configurable: true });
  assert.equal(await readCode(), "246810");
  assert.equal(await readCode(), undefined);
  assert.equal(await readCode(AbortSignal.abort()), undefined);
  assert.deepEqual(asked[0], { otp: { transport: ["sms"] } });
});
