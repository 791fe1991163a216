import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { SegError } from "../../src/errors.js";
import { openWeights } from "../../src/weights/open.js";
import { openTorchCheckpoint } from "../../src/weights/torch-checkpoint.js";
import { assertClose } from "../support/close.js";
import { withFolder } from "../support/folder.js";
import { rawZip } from "../support/raw-zip.js";

const FOLDER = "test/fixtures/weights";

interface Golden {
  readonly [file: string]: { readonly [name: string]: { readonly shape: number[]; readonly values: number[] } };
}

const { safetensors: _, ...golden } = JSON.parse(readFileSync(join(FOLDER, "weights.json"), "utf8")) as Golden;

for (const [name, tensors] of Object.entries(golden)) {
  test(`${name}.pth holds what torch put in`, async () => {
    const file = await openWeights(join(FOLDER, `${name}.pth`));
    assert.deepEqual(file.names(), Object.keys(tensors));
    for (const [key, { shape, values }] of Object.entries(tensors)) {
      const read = await file.read(key);
      assert.deepEqual(read.shape, shape, key);
      assertClose(read.data, Float32Array.from(values), 0, key);
    }
    await file.close();
  });
}

const reasons: Record<string, RegExp> = {
  system: /posix\.system, as only an attack does/,
  eval: /eval, as only an attack does/,
  negative: /tensor a has a damaged shape/,
  outside: /tensor a reaches outside its storage/,
  overflow: /tensor a reaches outside its storage/,
  huge: /tensor a repeats too few numbers too often/,
  deflated: /is compressed/,
  twice: /twice/,
  folders: /one top folder/,
  crc: /archive\/data\/0 is damaged \(checksum\)/,
  cut: /storage of tensor a has another size/,
  "big-endian": /big-endian/,
  protocol4: /protocol 4 instead of 2.*python -c/,
  quantized: /tensor a needs torch\._utils\._rebuild_qtensor, which is not run/,
  object: /holds an object of argparse\.Namespace/,
  legacy: /bare pickle.*python -c/,
  bare: /bare pickle.*python -c/,
  "no-tensors": /no state dict/,
};

test("every hostile file has a reason to be refused for", () => {
  const files = readdirSync(FOLDER).flatMap((name) => /^hostile-(.*)\.pth$/.exec(name)?.[1] ?? []);
  assert.deepEqual(files.sort(), Object.keys(reasons).sort());
});

for (const [name, reason] of Object.entries(reasons)) {
  test(`refused: ${name}`, async () => {
    const path = join(FOLDER, `hostile-${name}.pth`);
    await assert.rejects(readAll(path), (error) => {
      assert.ok(error instanceof SegError);
      assert.match(error.message, reason);
      return error.subject === path;
    });
  });
}

/** Pickles written by hand, as opcodes. */
const streams: Record<string, string> = {
  "a memo that is empty": "h\u0007.",
  "a stack that is empty": "s.",
  "a mark that is missing": "t.",
  "items of a number": "K\u0001K\u0002K\u0003s.",
  "an odd number of items": "}(K\u0001u.",
  "a call of a number": "K\u0001)R.",
  "a persistent id that is no storage": "K\u0001Q.",
  "a name without an end": "cos",
  "a text longer than the file": "X\u007f\u007f\u007f\u007fa",
  "an opcode torch never writes": "\u008f.",
  "a second pickle inside a string that is never opened": "U\u0003cos.",
};

for (const [name, stream] of Object.entries(streams)) {
  test(`refused: a pickle with ${name}`, () =>
    withFolder(async (folder) => {
      const path = join(folder, "x.pth");
      await writeFile(path, rawZip(new Map([["x/data.pkl", Buffer.from(`\u0080\u0002${stream}`, "latin1")]])));
      await assert.rejects(openTorchCheckpoint(path), SegError);
    }));
}

test("references that multiply cost no time and no memory", () =>
  withFolder(async (folder) => {
    const path = join(folder, "x.pth");
    const doubling = "h\u0000h\u0000\u0086q\u0000".repeat(100_000); // a tuple of itself twice, again and again
    const calls = `(${"K\u0001".repeat(100_000)}tq\u0001cx\ny\nq\u0002${"h\u0002h\u0001R".repeat(300_000)}`; // one long tuple, many calls
    const cases: [string, RegExp][] = [
      [`)q\u0000${doubling}.`, /no state dict/],
      [`${calls}.`, /an object of x\.y/],
    ];
    for (const [stream, reason] of cases) {
      await writeFile(path, rawZip(new Map([["x/data.pkl", Buffer.from(`\u0080\u0002${stream}`, "latin1")]])));
      const start = performance.now();
      await assert.rejects(openTorchCheckpoint(path), reason);
      assert.ok(performance.now() - start < 5000);
    }
  }));

test("files that are no weights are called by their name", () =>
  withFolder(async (folder) => {
    const path = join(folder, "x.pth");
    const seen: [string, RegExp][] = [
      ["<!DOCTYPE html><html>", /is a web page/],
      ["version https://git-lfs.github.com/spec/v1\n", /is a Git LFS pointer/],
      [`${"\u0000".repeat(257)}ustar`, /tar/],
      ["", /neither/],
      ["hello there, this is text", /neither/],
    ];
    for (const [content, reason] of seen) {
      await writeFile(path, content);
      await assert.rejects(openWeights(path), reason);
    }
  }));

test("a file is known by its content, not by its name", () =>
  withFolder(async (folder) => {
    const path = join(folder, "x.safetensors");
    await writeFile(path, await readFile(join(FOLDER, "plain.pth")));
    const file = await openWeights(path);
    assert.ok(file.names().includes("conv.weight"));
    await file.close();
  }));

async function readAll(path: string): Promise<void> {
  const file = await openWeights(path);
  try {
    for (const name of file.names()) await file.read(name);
  } finally {
    await file.close();
  }
}
