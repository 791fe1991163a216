/** @file Every command of docs/datasets.md is run: those for public data sets on small copies of their layouts, the others on data made here. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { withFolder } from "../support/folder.js";
import { noise, writePhoto, writeScene } from "../support/geo-files.js";
import { writeIndexedPng } from "../../src/raster/index.js";

const ROOT = join(import.meta.dirname, "../..");
const SHARED = join(ROOT, "../shared/data");
const LAYOUTS = join(SHARED, "layouts");
const skip = existsSync(LAYOUTS) ? false : "the layouts are not on this machine";

/** Lines `seg ...` of the shell blocks, as arguments. */
const commands = [...readFileSync(join(ROOT, "docs/datasets.md"), "utf8").matchAll(/^seg (.+)$/gm)].map(([, line]) =>
  [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain),
);
const dataOf = (args: readonly string[]) => args[args.indexOf("--data") + 1];
const OWN = ["photos", "photos/dataset.csv", "CamVid", "scene.tif"];
const others = commands.filter((args) => OWN.includes(dataOf(args)));
const layouts = commands.filter((args) => !others.includes(args));

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function runAll(list: readonly string[][], cwd: string): Promise<Ended[]> {
  const script = fileURLToPath(new URL("run-commands.ts", import.meta.url));
  const tsx = pathToFileURL(join(ROOT, "node_modules/tsx/dist/loader.mjs")).href;
  const child = spawn(process.execPath, ["--import", tsx, script], { cwd, stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.end(JSON.stringify(list));
  return JSON.parse(await text(child.stdout));
}

function check(args: readonly string[], { code, stdout, stderr }: Ended): void {
  assert.equal(code, 0, `seg ${args.join(" ")}: ${stderr}`);
  assert.match(stdout, /^split +images +read/, "counts");
  assert.match(stdout, /^sizes: \d+ x \d+ \(\d+\)/m, "sizes");
  assert.match(stdout, /^class +colour +pixels +share +train/m, "class frequencies");
  assert.match(stdout, /^train +[1-9]/m, "there are training samples");
}

test("every layout loads by the command the page names", { skip }, async () => {
  const names = ["inria", "loveda", "deepglobelandcover", "landcoverai", "potsdam", "vaihingen", "spacenet"];
  for (const name of names)
    assert.ok(
      layouts.some((args) => dataOf(args).startsWith(name)),
      `${name} is on the page`,
    );
  const ended = await runAll(layouts, LAYOUTS);
  for (const [i, args] of layouts.entries()) check(args, ended[i]);
  const tiles = layouts.findIndex((args) => args.includes("output/*.jpg"));
  assert.match(ended[tiles].stderr, /2 of 2 images of val are in train too/, "leaks are told");
});

const SQUARE = [
  [500_050, 5_799_950],
  [500_450, 5_799_950],
  [500_450, 5_799_650],
  [500_050, 5_799_650],
  [500_050, 5_799_950],
];

/** What the other commands of the page read: photos with masks and a list, a scene with polygons, CamVid's folders. */
async function makeData(folder: string): Promise<void> {
  for (const path of ["photos/images", "photos/masks", "CamVid/train", "CamVid/trainannot"])
    await mkdir(join(folder, path), { recursive: true });
  const lines = ["image,mask,split"];
  for (const name of ["a", "b", "c"]) {
    await writePhoto(join(folder, `photos/images/${name}.png`), 24, 16, name.charCodeAt(0));
    const mask = { data: noise(24, 16, 1).map((value) => value % 2), width: 24, height: 16 };
    await writeIndexedPng(join(folder, `photos/masks/${name}.png`), mask, []);
    await writePhoto(join(folder, `CamVid/train/${name}.png`), 24, 16, name.charCodeAt(0));
    await writeIndexedPng(join(folder, `CamVid/trainannot/${name}.png`), mask, []);
    lines.push(`images/${name}.png,masks/${name}.png,${name === "c" ? "val" : "train"}`);
  }
  await writeFile(join(folder, "photos/dataset.csv"), lines.join("\n"));
  await writeScene(join(folder, "scene.tif"), [600, 300, 3]);
  const crs = { type: "name", properties: { name: "urn:ogc:def:crs:EPSG::32633" } };
  const feature = { type: "Feature", properties: {}, geometry: { type: "Polygon", coordinates: [SQUARE] } };
  await writeFile(
    join(folder, "buildings.geojson"),
    JSON.stringify({ type: "FeatureCollection", crs, features: [feature] }),
  );
}

test("the other commands of the page run on data of the kind they name", () =>
  withFolder(async (folder) => {
    await makeData(folder);
    const kinds = others.map((args) => args[args.indexOf("--dataset") + 1]).sort();
    assert.deepEqual(kinds, ["camvid", "csv", "folder", "geotiff"]);
    const ended = await runAll(others, folder);
    for (const [i, args] of others.entries()) check(args, ended[i]);
    assert.ok(existsSync(join(folder, "sheet.png")));
    const scene = ended[others.findIndex((args) => args.includes("scene.tif"))];
    assert.match(scene.stdout, /^buildings +#\w+ +1200 /m, "a square of 40 x 30 pixels");
  }));
