// What the types refuse, and what they know.
import axios, { type AxiosRequestConfig, type AxiosResponse } from "axios";
import type { LatchError, Reason } from "latch-client";
import { createLatchClient, fetchTransport, memoryStorage } from "latch-client";
import { axiosTransport } from "latch-client/axios";
import { miniProgramStorage, miniProgramTransport } from "latch-client/miniprogram";

const storage = memoryStorage();
const web = createLatchClient({ url: "", transport: fetchTransport(), storage });
export const answer: Promise<Response> = web.request("/orders", { method: "POST" });
// @ts-expect-error: fetch has no `data`
void web.request("/orders", { data: 1 });
// @ts-expect-error: no such purpose
void web.requestCode("1", { purpose: "sign-up" });
// @ts-expect-error: no transport
createLatchClient({ url: "", storage });
export const user: Promise<{ id: number }> = web.call<{ id: number }>("GET", "/user");

const typed = createLatchClient({ url: "", transport: axiosTransport<AxiosRequestConfig, AxiosResponse>(axios), storage });
export const response: Promise<AxiosResponse> = typed.request({ url: "/orders" });
// @ts-expect-error: no such option
void typed.request({ uri: "/orders" });
const loose = createLatchClient({ url: "", transport: axiosTransport(axios), storage });
export const status: Promise<number> = loose.request({ url: "/orders" }).then((found) => found.status);

const apps = [wx, uni].map((app) => createLatchClient({ url: "", transport: miniProgramTransport(app), storage: miniProgramStorage(app) }));
export const codes: Promise<number>[] = apps.map((app) => app.request({ url: "/orders" }).then((found) => found.statusCode));

export function read(error: LatchError): Reason | undefined {
  // @ts-expect-error: read-only
  error.status = 1;
  return error.reason;
}
