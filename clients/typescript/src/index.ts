/*! Latch's client. MIT License, The Latch authors. */
export { LatchClient } from "./client.js";
export type { CodeOptions, CodeSent, LoggedIn, Options, State } from "./client.js";
export type { Patience } from "./calls.js";
export { systemClock } from "./clock.js";
export type { Clock } from "./clock.js";
export { LatchError } from "./errors.js";
export type { LatchErrorDetails, Reason } from "./errors.js";
export { asyncStorage, memoryStorage, miniProgramStorage, webStorage } from "./storage.js";
export type { Storage } from "./storage.js";
export { axiosTransport, fetchTransport, miniProgramTransport } from "./transport.js";
export type { Answer, Call, MiniProgramAnswer, MiniProgramRequest, Sent, Transport } from "./transport.js";
export { readCode } from "./webotp.js";
