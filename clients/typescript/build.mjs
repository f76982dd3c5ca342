// Makes dist/ of src/: for each entry one file for ES modules, one for CommonJS, one of types for each, and nothing else.
// `--size` tells instead how many bytes each has, minified and compressed.
import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { generateDtsBundle } from "dts-bundle-generator";
import { build } from "esbuild";

process.chdir(fileURLToPath(new URL(".", import.meta.url)));

const ENTRIES = ["latch", "latch-axios", "latch-miniprogram"];
const options = { bundle: true, target: "es2018", legalComments: "inline", logLevel: "warning" };

const sourceOf = (name) => `src/entries/${name}.ts`;

async function size(name) {
  const { outputFiles } = await build({ ...options, entryPoints: [sourceOf(name)], format: "esm", minify: true, write: false });
  return gzipSync(outputFiles[0].contents, { level: 9 }).length;
}

async function make(name, types) {
  await build({ ...options, entryPoints: [sourceOf(name)], format: "esm", outfile: `dist/${name}.js` });
  await build({ ...options, entryPoints: [sourceOf(name)], format: "cjs", outfile: `dist/${name}.cjs` });
  await writeFile(`dist/${name}.d.ts`, types);
  await writeFile(`dist/${name}.d.cts`, types);
}

if (process.argv.includes("--size")) {
  const sizes = ENTRIES.map(async (name) => [name, await size(name)]);
  console.log(JSON.stringify(Object.fromEntries(await Promise.all(sizes))));
} else {
  const output = { noBanner: true };
  const entries = ENTRIES.map((name) => ({ filePath: sourceOf(name), output }));
  const types = generateDtsBundle(entries, { preferredConfigPath: "tsconfig.json" }); // throws for what has wrong types
  await Promise.all(ENTRIES.map((name, place) => make(name, types[place])));
}
