/** @file What `npm pack` would publish, and that package.json points at it. Compiled by `npm run prepare`, which `npm ci` runs. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { ROOT } from "../support/cli.js";

const run = promisify(execFile);

interface Manifest {
  readonly bin: Record<string, string>;
  readonly exports: { readonly ".": Record<string, string>; readonly "./cog": Record<string, string> };
  readonly dependencies: Record<string, string>;
}

const manifest = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")) as Manifest;

test("the package holds the compiled library, its types, the command and the licence, and no tests or sources", async () => {
  const args = ["pack", "--dry-run", "--json", "--ignore-scripts"];
  const { stdout } = await run("npm", args, { cwd: ROOT, shell: process.platform === "win32" });
  const [{ files }] = JSON.parse(stdout) as { files: { path: string }[] }[];
  const paths = files.map(({ path }) => path);
  const pointed = [
    ...Object.values(manifest.bin),
    ...Object.values(manifest.exports["."]),
    ...Object.values(manifest.exports["./cog"]),
  ];
  const more = ["package.json", "LICENSE", "README.md", "dist/src/crs/table.json"];
  for (const path of [...pointed.map((path) => path.replace(/^\.\//, "")), ...more])
    assert.ok(paths.includes(path), `${path} is not in the package`);
  const strangers = paths.filter((path) =>
    /(^|\/)(test|bench|node_modules|runs)\/|\.test\.|\.py$|(?<!\.d)\.ts$/.test(path),
  );
  assert.deepEqual(
    strangers.filter((path) => !path.startsWith("experiments/")), // examples to copy
    [],
  );
});

test("the command is a script of Node; the entry and its types hold the same names", async () => {
  const command = await readFile(join(ROOT, manifest.bin.seg), "utf8");
  assert.ok(command.startsWith("#!/usr/bin/env node\n"));
  const entry = (await import("sam-seg")) as Record<string, unknown>;
  const source = (await import("../../src/index.js")) as Record<string, unknown>;
  assert.deepEqual(Object.keys(entry).sort(), Object.keys(source).sort(), "dist is older than src: npm run prepare");
});

test("every package that is imported is a dependency", async () => {
  const { stdout } = await run(
    "git",
    ["ls-files", "-co", "--exclude-standard", "src", "encoders", "decoders", "datasets"],
    { cwd: ROOT },
  );
  const known = new Set([
    ...Object.keys(manifest.dependencies),
    "@tensorflow/tfjs",
    "@tensorflow/tfjs-node",
    "@tensorflow/tfjs-node-gpu",
    "sam-seg",
  ]);
  for (const file of stdout.split("\n").filter((name) => name.endsWith(".ts"))) {
    const text = await readFile(join(ROOT, file), "utf8").catch(() => "");
    for (const [, isType, name] of text.matchAll(/^import\s+(type\s)?[^;"']*?from\s+"([^".][^"]*)"/gm)) {
      const own = name
        .split("/")
        .slice(0, name.startsWith("@") ? 2 : 1)
        .join("/");
      if (!name.startsWith("node:") && !isType) assert.ok(known.has(own), `${file} imports ${name}`);
    }
  }
});
