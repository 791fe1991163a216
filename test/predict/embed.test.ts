/** @file `seg embed`: float32 NCHW arrays of any feature, for photos and GeoTIFFs of any type, one file or a folder. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { encoders } from "../../src/catalog.js";
import { createEmbedder } from "../../src/embed.js";
import { createEngine } from "../../src/engine/index.js";
import { seg } from "../support/cli.js";
import { withFolder } from "../support/folder.js";
import { noise, writePhoto, writeScene } from "../support/geo-files.js";

/** The lines that are errors of ours. */
const errorLines = (text: string) => text.split("\n").filter((line) => line.startsWith("seg: "));

interface Npy {
  readonly shape: number[];
  readonly data: Float32Array;
}

/** Reads version 1.0 of numpy's format; fails for anything but float32 in C order. */
async function readNpy(path: string): Promise<Npy> {
  const bytes = await readFile(path);
  assert.equal(bytes.toString("latin1", 0, 8), "\x93NUMPY\x01\0");
  const start = 10 + bytes.readUInt16LE(8);
  const header = bytes.toString("latin1", 10, start);
  assert.match(header, /'descr': '<f4', 'fortran_order': False/);
  const shape = (/'shape': \(([\d, ]+)\)/.exec(header)?.[1] ?? "").split(",").filter(Boolean).map(Number);
  assert.equal(start % 64, 0);
  return {
    shape,
    data: new Float32Array(bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + bytes.length)),
  };
}

const product = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
const FLAGS = ["--encoder", "resnet-test", "--encoder-weights", "none", "--threads", "1"];

test("several inputs go to a folder, --feature picks a map, one bad input of three is exit 3, a file that is there is refused", () =>
  withFolder(async (folder) => {
    await writePhoto(join(folder, "a.png"), 64, 96);
    await writeScene(join(folder, "b.tif"), [64, 32, 3]);
    await writeFile(join(folder, "bad.jpg"), "no photo");
    const done = await seg(["embed", "a.png", "b.tif", "bad.jpg", ...FLAGS, "--feature", "1", "--out", "maps"], {
      cwd: folder,
    });
    assert.equal(done.code, 3, done.stderr);
    assert.match(errorLines(done.stderr).join("\n"), /^seg: bad\.jpg: .+; .+$/);
    const { stride, channels } = encoders.get("resnet-test").features[1];
    const [a, b] = [await readNpy(join(folder, "maps/a.npy")), await readNpy(join(folder, "maps/b.npy"))];
    assert.deepEqual(a.shape, [1, channels, 96 / stride, 64 / stride]);
    assert.deepEqual(b.shape, [1, channels, 32 / stride, 64 / stride]);
    for (const { data, shape } of [a, b]) assert.equal(data.length, product(shape));
    await writeFile(join(folder, "maps/a.npy"), "mine");
    const again = await seg(["embed", "a.png", ...FLAGS, "--out", "maps"], { cwd: folder });
    assert.deepEqual([again.code, await readFile(join(folder, "maps/a.npy"), "utf8")], [2, "mine"]);
    assert.match(again.stderr, /^seg: maps\/a\.npy: exists; .*--force$/m);
    const forced = await seg(["embed", "a.png", ...FLAGS, "--out", "maps", "--force"], { cwd: folder });
    assert.equal(forced.code, 0, forced.stderr);
    assert.ok((await readNpy(join(folder, "maps/a.npy"))).data.length > 0);
    const wrong = await seg(["embed", "a.png", ...FLAGS, "--feature", "9", "--out", "a.npy"], { cwd: folder });
    assert.deepEqual([wrong.code, errorLines(wrong.stderr).length], [2, 1]);
    assert.match(wrong.stderr, /--feature 9: resnet-test has no such map; choose among: 0 stride2, /);
  }));

test("GeoTIFFs: 8-bit RGB is read as a photo, 16-bit data by its own percentiles, bands as chosen", () =>
  withFolder(async (folder) => {
    const embed = async (path: string, bands?: number[]) => {
      const options = { encoder: "resnet-test", encoderWeights: "none", ...(bands && { bands }) };
      const embedder = await createEmbedder(await createEngine("onnx", { threads: 1 }), options);
      const { data } = await embedder.embed(path);
      await embedder.dispose();
      return data;
    };
    const size = [64, 64, 3] as const;
    const photo = await writePhoto(join(folder, "photo.png"), 64, 64, 1);
    const bytes = await writeScene(join(folder, "bytes.tif"), size, noise(64, 64, 3, 1));
    assert.deepEqual(await embed(bytes), await embed(photo));
    const deep = Uint16Array.from(noise(64, 64, 3, 1), (value) => 1000 + 40 * value);
    const once = await writeScene(join(folder, "deep.tif"), size, deep, { dtype: "uint16" });
    const brighter = deep.map((value) => 2 * value); // the stretch takes a factor out again
    const twice = await writeScene(join(folder, "brighter.tif"), size, brighter, { dtype: "uint16" });
    assert.deepEqual(await embed(once), await embed(twice));
    assert.notDeepEqual(await embed(once, [3, 2, 1]), await embed(once));
    const four = await writeScene(join(folder, "four.tif"), [64, 64, 4]);
    await assert.rejects(embed(four), /four\.tif: has 4 bands, the encoder takes 3; choose them with --bands/);
    await embed(four, [4, 3, 2]);
    await embed(await writeScene(join(folder, "grey.tif"), [64, 64, 1]));
  }));
