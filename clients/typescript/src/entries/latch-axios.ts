export * from "./core.js";
export { asyncStorage, webStorage } from "../storage.js";
export { axiosTransport } from "../axios.js";
export type { AxiosAnswer, AxiosConfig } from "../axios.js";
export { readCode } from "../webotp.js";
