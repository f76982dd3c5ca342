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

const bearer = (token: string | undefined): Record<string, string> =>
  token ? { Authorization: "Bearer " + token } : {};

const isStream = (body: unknown): boolean => {
  const found = Object(body);
  return !!(found.getReader || found.pipe || found[Symbol.asyncIterator]);
};

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

type AxiosConfig = { headers?: any; data?: any } & Record<string, any>;
type AxiosAnswer = { status: number; headers?: any; data?: any };

/** `axios`, or an instance of it, without an interceptor that refreshes. */
export const axiosTransport = <C extends AxiosConfig, R extends AxiosAnswer>(axios: {
  request(config: C): Promise<R>;
}): Transport<[config: C], R> => ({
  async call({ method, url, headers, body, timeout }) {
    const validateStatus = () => true;
    const transformResponse = (text: unknown) => text;
    const config = { method, url, headers, data: body, timeout, responseType: "text", transformResponse, validateStatus };
    const answer = await axios.request(config as unknown as C);
    const found = answer.headers || {};
    return { status: answer.status, text: String(answer.data), header: (name) => found[name.toLowerCase()] };
  },
  async send(token, config) {
    try {
      const answer = await axios.request({ ...config, headers: { ...config.headers, ...bearer(token) } });
      return { status: answer.status, done: () => answer };
    } catch (error) {
      const { response } = Object(error);
      if (!response) throw error;
      const done = (): never => {
        throw error;
      };
      return { status: response.status, done };
    }
  },
  repeats: (config) => !isStream(config.data),
});

export interface MiniProgramRequest extends Record<string, any> {
  url: string;
  header?: any;
}

export interface MiniProgramAnswer {
  statusCode: number;
  header: any;
  data: any;
}

/** `wx.request` or `uni.request`: hand over `wx` or `uni`. A failure rejects with what `fail` gets. */
export const miniProgramTransport = (wx: {
  request(options: any): unknown;
}): Transport<[options: MiniProgramRequest], MiniProgramAnswer> => {
  const ask = (options: object) =>
    new Promise<MiniProgramAnswer>((success, fail) => void wx.request({ ...options, success, fail }));
  return {
    async call({ method, url, headers, body, timeout }) {
      // Not "json": whoever answers, the client reads it itself.
      const answer = await ask({ method, url, header: headers, data: body, timeout, dataType: "text", responseType: "text" });
      const { data, header = {} } = answer;
      return {
        status: answer.statusCode,
        text: typeof data === "string" ? data : JSON.stringify(data),
        header: (name) => header[Object.keys(header).find((key) => key.toLowerCase() === name.toLowerCase()) || name],
      };
    },
    async send(token, options) {
      const answer = await ask({ ...options, header: { ...options.header, ...bearer(token) } });
      return { status: answer.statusCode, done: () => answer };
    },
    repeats: () => true,
  };
};
