// Makes dist/ of src/: one file for ES modules, one for CommonJS, one of types for each. `--size` tells what it is minified.
import { copyFile } from "node:fs/promises";
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

process.chdir(fileURLToPath(new URL(".", import.meta.url)));
const options = { entryPoints: ["src/index.ts"], bundle: true, target: "es2018", legalComments: "inline", logLevel: "warning" };

if (process.argv.includes("--size")) {
  const { outputFiles } = await build({ ...options, format: "esm", minify: true, write: false });
  console.log(gzipSync(outputFiles[0].contents, { level: 9 }).length);
} else {
  execFileSync("node_modules/.bin/tsc", ["--noEmit"], { stdio: "inherit" });
  await build({ ...options, format: "esm", outfile: "dist/latch.js" });
  await build({ ...options, format: "cjs", outfile: "dist/latch.cjs" });
  const arguments_ = ["--silent", "--no-banner", "--project", "tsconfig.json", "-o", "dist/latch.d.ts", "src/index.ts"];
  execFileSync("node_modules/.bin/dts-bundle-generator", arguments_, { stdio: "inherit" });
  await copyFile("dist/latch.d.ts", "dist/latch.d.cts");
}
