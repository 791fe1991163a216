/** @file Inputs that once got through, or ended in an error that said nothing: each is refused in one line now, or left out. */
import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { folder as folders } from "../../datasets/index.js";
import { command as train } from "../../src/cli/commands/train.js";
import { SegError } from "../../src/errors.js";
import { openGeoTiff } from "../../src/raster/index.js";
import { readRunConfig } from "../../src/run/folder.js";
import { cutMetrics, readMetrics } from "../../src/run/metrics-log.js";
import { writeTinyData } from "../run/tiny-data.js";
import { withFolder } from "../support/folder.js";
import { writeScene } from "../support/geo-files.js";

async function refused(work: Promise<unknown>, says: RegExp): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof SegError, (error as Error).stack);
    assert.ok(error.subject && error.reason && error.remedy);
    assert.match(error.message, says);
    assert.equal(error.exitCode, 2);
    return true;
  });
}

test("a run's config.yaml that is no YAML", () =>
  withFolder(async (folder) => {
    for (const text of ["encoder: [unet\nlr: 1", "a: *b", "\u0000", "? ? ?\n- :"]) {
      await writeFile(join(folder, "config.yaml"), text);
      await refused(readRunConfig(folder), /config.yaml: is damaged/);
    }
  }));

test("an option without a name in a YAML file", () =>
  withFolder(async (folder) => {
    const config = join(folder, "config.yaml");
    await writeFile(config, '"": 1\n');
    await refused(train.run({ config }), /\(empty\): no such option in .*config.yaml/);
  }));

test("lines of metrics.jsonl that are JSON but no rows", () =>
  withFolder(async (folder) => {
    const path = join(folder, "metrics.jsonl");
    const row = '{"event":"step","step":1,"epoch":0,"loss":1}';
    await writeFile(
      path,
      ["null", "3", "[]", "{}", '{"event":"step","step":"1","epoch":0}', row, '{"event":"st'].join("\n"),
    );
    await cutMetrics(path, { step: 1, validated: 0 });
    assert.deepEqual(readMetrics(path), [JSON.parse(row)]);
  }));

test("a damaged file of classes beside the data is not passed over", () =>
  withFolder(async (folder) => {
    await writeTinyData(folder);
    const open = () => folders.folder.open(folder, folders.folder.defaults);
    await writeFile(join(folder, "classes.yaml"), "- [a\n- b: {");
    await refused(open(), /classes.yaml/);
    await writeFile(join(folder, "classes.yaml"), "[dark, bright]");
    assert.deepEqual(
      (await open()).classes.map(({ name }) => name),
      ["dark", "bright"],
    );
  }));

test("a file of classes elsewhere, by its whole path", () =>
  withFolder(async (folder) => {
    await writeTinyData(join(folder, "data"));
    await mkdir(join(folder, "other"));
    const classes = join(folder, "other/names.txt");
    await writeFile(classes, "dark\nbright\n");
    const dataset = await folders.folder.open(join(folder, "data"), { ...folders.folder.defaults, classes });
    assert.equal(dataset.classes[1].name, "bright");
  }));

test("a TIFF whose blocks have fractions of a byte", () =>
  withFolder(async (folder) => {
    const path = await writeScene(join(folder, "scene.tif"), [16, 16, 1]);
    const bytes = await readFile(path);
    const start = bytes.readUInt32LE(4);
    for (let at = start + 2; at < start + 2 + 12 * bytes.readUInt16LE(start); at += 12) {
      if (bytes.readUInt16LE(at) !== 325) continue;
      bytes.writeUInt16LE(11, at + 2); // FLOAT
      bytes.writeFloatLE(0.25, at + 8);
    }
    await writeFile(path, bytes);
    await refused(openGeoTiff(path), /scene.tif: not a sound TIFF: .*not whole/);
  }));

test("a Zstandard block whose frame is damaged, on which a stream decoder had no end", () =>
  withFolder(async (folder) => {
    const { forms } = JSON.parse(await readFile(new URL("../fixtures/geotiff.json", import.meta.url), "utf8"));
    const bytes = Buffer.from(forms["int32-zstd"].file, "base64").fill(0, 2030, 2034);
    const path = join(folder, "scene.tif");
    await writeFile(path, bytes);
    const raster = await openGeoTiff(path);
    await refused(
      raster.read({ x: 0, y: 0, width: 33, height: 27 }),
      /scene.tif: not a sound TIFF: block 0 cannot be decoded/,
    );
    await raster.close();
  }));
