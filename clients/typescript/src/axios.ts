import type { Transport } from "./transport.js";
import { bearer, isStream } from "./transport.js";

export type AxiosConfig = { headers?: any; data?: any } & Record<string, any>;
export type AxiosAnswer = { status: number; headers?: any; data?: any };

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
