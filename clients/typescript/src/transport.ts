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

export const bearer = (token: string | undefined): Record<string, string> =>
  token ? { Authorization: "Bearer " + token } : {};

export const isStream = (body: unknown): boolean => {
  const found = Object(body);
  return !!(found.getReader || found.pipe || found[Symbol.asyncIterator]);
};

