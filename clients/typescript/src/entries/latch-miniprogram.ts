export * from "./core.js";
export { miniProgramStorage, miniProgramTransport } from "../miniprogram.js";
export type { MiniProgramAnswer, MiniProgramRequest } from "../miniprogram.js";
