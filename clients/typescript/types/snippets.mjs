// Writes the README's snippets beside this file, for the compiler: `tsc -p types` then checks them with the rest.
import { readFileSync, writeFileSync } from "node:fs";

const page = readFileSync(new URL("../README.md", import.meta.url), "utf8");
[...page.matchAll(/```ts\n(.*?)```/gs)].forEach(([, code], number) => {
  writeFileSync(new URL(`snippet-${number}.ts`, import.meta.url), code);
});
