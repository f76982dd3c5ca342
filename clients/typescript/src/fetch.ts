import type { Transport } from "./transport.js";
import { isStream } from "./transport.js";

/** `fetch`: of browsers, React Native, Node. */
export const fetchTransport = (
  send: typeof fetch = (...request) => fetch(...request),
): Transport<[input: RequestInfo | URL, init?: RequestInit], Response> => ({
  async call({ method, url, headers, body, timeout }) {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), timeout);
    try {
      const answer = await send(url, {
        method,
        headers,
        signal: stop.signal,
        cache: "no-store",
        credentials: "omit",
        keepalive: method === "DELETE", // a log-out is told also where the page goes away
        ...(body && { body }),
      });
      return { status: answer.status, text: await answer.text(), header: (name) => answer.headers.get(name) };
    } finally {
      clearTimeout(timer);
    }
  },
  async send(token, input, init) {
    const whole = Object(input) as Partial<Request>;
    const headers = new Headers((init && init.headers) || whole.headers);
    if (token) headers.set("Authorization", "Bearer " + token);
    const answer = await send(whole.clone ? whole.clone() : input, { ...init, headers });
    return { status: answer.status, done: () => answer };
  },
  repeats: (_, init) => !isStream(init && init.body),
});
