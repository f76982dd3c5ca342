// What must not compile: a code that no refresh is answered, and a body without its code.
import createClient from "openapi-fetch";
import type { paths } from "./public";

const client = createClient<paths>({ baseUrl: "" });
const { error } = await client.PUT("/app/v1_0/authorizations");
if (error?.error === "mobile_taken") {
    throw new Error(error.message);
}
await client.POST("/app/v1_0/authorizations", { body: { mobile: "13800138000" } });
