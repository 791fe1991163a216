/** @file `seg view` as a user meets it: the URL on stdout, an end by Ctrl-C, mistakes in one line. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { linesOf, ROOT, seg } from "../support/cli.js";
import { withFolder } from "../support/folder.js";
import { writeScene } from "../support/geo-files.js";
import { classAt, writeClassMap } from "./maps.js";

const ENTRY = ["--import", import.meta.resolve("tsx"), join(ROOT, "src/cli/main.ts")];

test("Ctrl-C ends it, with exit 0; until then the map is served", () =>
  withFolder(async (folder) => {
    const map = join(folder, "map.tif");
    await writeClassMap(map, 64, 48, classAt);
    const child = spawn(process.execPath, [...ENTRY, "view", map], { stdio: ["ignore", "pipe", "ignore"] });
    try {
      const [url] = await once(createInterface(child.stdout), "line");
      assert.match(String(url), /^http:\/\/127\.0\.0\.1:\d+\/$/);
      assert.match(await (await fetch(`${url}meta.json`)).text(), /^\{"name":"map\.tif","width":64,"height":48,/);
      child.kill("SIGINT");
      assert.deepEqual(await once(child, "exit"), [0, null]);
    } finally {
      child.kill("SIGKILL");
    }
  }));

test("what cannot be shown: exit 2 and one line that names it", () =>
  withFolder(async (folder) => {
    const map = join(folder, "map.tif");
    await writeClassMap(map, 64, 48, classAt);
    const scene = await writeScene(join(folder, "scene.tif"), [40, 30, 3]);
    const wrong: readonly (readonly [readonly string[], RegExp])[] = [
      [[scene], /^seg: .*scene\.tif: is no class map: it holds 3 band\(s\) of uint8/],
      [[map, "--port", "70000"], /^seg: --port 70000: is no port; /],
    ];
    const results = await Promise.all(wrong.map(([args]) => seg(["view", ...args], { cwd: folder })));
    for (const [i, { code, stdout, stderr }] of results.entries()) {
      assert.deepEqual([code, stdout], [2, ""], stderr);
      const lines = linesOf(stderr);
      assert.match(lines.at(-1) ?? "", wrong[i][1]);
      assert.equal(lines.length, 1, stderr);
    }
  }));
