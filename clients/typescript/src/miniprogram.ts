import type { LatchStorage } from "./storage.js";
import type { Transport } from "./transport.js";
import { bearer } from "./transport.js";

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

/** That of mini programs: `wx`, or `uni`. */
export const miniProgramStorage = (wx: {
  getStorageSync(key: string): unknown;
  setStorageSync(key: string, value: string): unknown;
}): LatchStorage => ({
  get: (key) => String(wx.getStorageSync(key)),
  set: (key, value) => wx.setStorageSync(key, value),
});
