// What apps load: as ES modules, as CommonJS, and each whole in one file.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";

const require = createRequire(import.meta.url);
const ENTRIES = {
  "latch-client": ["fetchTransport", "webStorage", "asyncStorage", "readCode"],
  "latch-client/axios": ["axiosTransport", "webStorage", "asyncStorage", "readCode"],
  "latch-client/miniprogram": ["miniProgramTransport", "miniProgramStorage"],
};
const CORE = ["LatchError", "createLatchClient", "memoryStorage"];

for (const [name, own] of Object.entries(ENTRIES)) {
  test(`${name} is loaded by import and by require, with all of the client`, async () => {
    const names = [...CORE, ...own].sort();
    assert.deepEqual(Object.keys(await import(name)).sort(), names);
    assert.deepEqual(Object.keys(require(name)).sort(), names);
  });

  test(`${name} is one file that loads nothing`, () => {
    for (const file of [require.resolve(name), require.resolve(name).replace(".cjs", ".js")]) {
      assert.doesNotMatch(readFileSync(file, "utf8"), /\brequire\(|^import |\bprocess\.|console\./m);
    }
  });
}

test("each has under 4 kB, minified and compressed", (context) => {
  if (process.env.LATCH_NO_REGISTRY) return context.skip("esbuild is not here");
  const sizes = JSON.parse(execFileSync(process.execPath, ["build.mjs", "--size"], { encoding: "utf8" }));
  assert.equal(Object.keys(sizes).length, 3);
  for (const [name, bytes] of Object.entries(sizes)) assert.ok(bytes < 4000, `${name}: ${bytes}`);
});
