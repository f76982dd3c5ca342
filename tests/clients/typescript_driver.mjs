// The TypeScript client in Node, told what to do on standard input: see node.py.
import { createInterface } from "node:readline";
import { createLatchClient, fetchTransport, memoryStorage } from "../../clients/typescript/dist/latch.js";

const url = process.env.LATCH_URL;
const reasons = [];
const client = createLatchClient({
  url,
  transport: fetchTransport(),
  storage: memoryStorage(),
  deviceName: "Node’s",
  attempts: 2,
  backoff: 50,
  longestPause: 100,
  onLoggedOut: (reason) => reasons.push(reason),
});
const work = async () => {
  const answer = await client.request(`${url}/app/v1_0/authorizations`);
  return answer.status;
};
const named = (error) => error.error ?? String(error);

const DEEDS = {
  requestCode: ({ mobile }) => client.requestCode(mobile),
  logIn: ({ mobile, code }) => client.logIn(mobile, code),
  work: ({ times }) => Promise.all(Array.from({ length: times }, () => work().catch(named))),
  call: ({ method, path }) => client.call(method, path),
  token: () => client.token(),
  state: () => client.state(),
  logOut: () => client.logOut(),
  reasons: async () => reasons,
};

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  console.log(JSON.stringify(await DEEDS[command.do](command).catch(named)));
}
