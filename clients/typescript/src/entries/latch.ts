export * from "./core.js";
export { asyncStorage, webStorage } from "../storage.js";
export { fetchTransport } from "../fetch.js";
export { readCode } from "../webotp.js";
