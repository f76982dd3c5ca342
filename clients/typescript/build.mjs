// Makes dist/ of src/: for each entry one file for ES modules, one for CommonJS, one of types for each, and nothing else.
// `--size` tells instead how many bytes each has, minified and compressed.
import { execFileSync } from "node:child_process";
import { copyFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

process.chdir(fileURLToPath(new URL(".", import.meta.url)));

const ENTRIES = ["latch", "latch-axios", "latch-miniprogram"];
const options = { bundle: true, target: "es2018", legalComments: "inline", logLevel: "warning" };
const run = (program, ...words) => execFileSync(process.execPath, [`node_modules/${program}`, ...words], { stdio: "inherit" });

async function size(entryPoint) {
  const { outputFiles } = await build({ ...options, entryPoints: [entryPoint], format: "esm", minify: true, write: false });
  return gzipSync(outputFiles[0].contents, { level: 9 }).length;
}

async function make(name, entryPoint) {
  const file = `dist/${name}`;
  await build({ ...options, entryPoints: [entryPoint], format: "esm", outfile: `${file}.js` });
  await build({ ...options, entryPoints: [entryPoint], format: "cjs", outfile: `${file}.cjs` });
  run("dts-bundle-generator/dist/bin/dts-bundle-generator.js", "--silent", "--no-banner", "--project", "tsconfig.json", "-o", `${file}.d.ts`, entryPoint);
  await copyFile(`${file}.d.ts`, `${file}.d.cts`);
}

if (process.argv.includes("--size")) {
  const sizes = ENTRIES.map(async (name) => [name, await size(`src/entries/${name}.ts`)]);
  console.log(JSON.stringify(Object.fromEntries(await Promise.all(sizes))));
} else {
  run("typescript/bin/tsc", "--noEmit");
  await Promise.all(ENTRIES.map((name) => make(name, `src/entries/${name}.ts`)));
}
