/*! Latch's client. MIT License, The Latch authors. */
export { createLatchClient } from "../create.js";
export type { CodeOptions, CodeSent, LatchClient, LoggedIn, Options, State } from "../client.js";
export type { Patience } from "../calls.js";
export type { Clock } from "../clock.js";
export { LatchError } from "../errors.js";
export type { LatchErrorDetails, Reason } from "../errors.js";
export { memoryStorage } from "../storage.js";
export type { LatchStorage } from "../storage.js";
export type { Answer, Call, Sent, Transport } from "../transport.js";
