// What an app does with the generated types: log in, refresh, tell failures apart. Compiled and run by the tests.
import createClient from "openapi-fetch";
import type { components, paths } from "./public";

type Tokens = components["schemas"]["Tokens"];
type EndReason = components["schemas"]["EndReason"];

declare const process: { argv: [string, string, string, string, string] };

const [, , baseUrl, mobile, code] = process.argv;
const client = createClient<paths>({ baseUrl });
const bearer = (token: string) => ({ headers: { Authorization: `Bearer ${token}` } });

async function logIn(): Promise<Tokens> {
    const { data, error } = await client.POST("/app/v1_0/authorizations", { body: { mobile, code } });
    if (data) {
        return data.data;
    }
    switch (error.error) {
        case "invalid_code":
        case "user_disabled":
            throw new Error(error.message);
        case "too_many_requests":
            throw new Error(`in ${error.retry_after} seconds`);
        default:
            throw new Error(`${error.error}, request ${error.request_id}`);
    }
}

/** The new tokens, or why there are none. */
async function refresh(tokens: Tokens): Promise<Tokens | EndReason | "unknown"> {
    const { data, error } = await client.PUT("/app/v1_0/authorizations", bearer(tokens.refresh_token));
    if (data) {
        return data.data;
    }
    if (error.error === "session_ended") {
        return error.reason ?? "unknown";
    }
    return "unknown";
}

const tokens = await logIn();
const fresh = await refresh(tokens);
if (typeof fresh === "string") {
    throw new Error(fresh);
}
const who = await client.GET("/app/v1_0/user", bearer(fresh.token));
await client.DELETE("/app/v1_0/authorizations", bearer(fresh.token));
const ended = await refresh(fresh);
console.log(JSON.stringify({ mobile: who.data?.data.mobile, ended }));
