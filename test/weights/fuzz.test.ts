import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { SegError } from "../../src/errors.js";
import { openWeights } from "../../src/weights/open.js";
import { writeSafetensors } from "../../src/weights/safetensors.js";
import { withFolder } from "../support/folder.js";
import { mutants } from "../support/mutate.js";
import { rawZip } from "../support/raw-zip.js";

const COUNT = 150;
const SLOWEST = 2000; // milliseconds

test("damaged safetensors files load or are refused", () =>
  withFolder(async (folder) => {
    const path = join(folder, "seed");
    await writeSafetensors(
      path,
      [
        ["a.weight", { data: new Float32Array(20).fill(1), shape: [4, 5] }],
        ["b", { data: new Float32Array(3), shape: [3] }],
      ],
      {},
    );
    await survive(folder, mutants(await readFile(path), COUNT, 1));
    const golden = JSON.parse(await readFile("test/fixtures/weights/weights.json", "utf8")) as { safetensors: string };
    await survive(folder, mutants(Buffer.from(golden.safetensors, "base64"), COUNT, 2)); // without checksums
  }));

test("damaged checkpoints load or are refused", () =>
  withFolder(async (folder) => {
    for (const name of ["plain", "views"]) {
      await survive(folder, mutants(await readFile(`test/fixtures/weights/${name}.pth`), COUNT, 3));
    }
  }));

test("damaged pickles behind right checksums load or are refused", () =>
  withFolder(async (folder) => {
    for (const name of ["nested", "views"]) {
      const entries = unzip(await readFile(`test/fixtures/weights/${name}.pth`));
      const pickle = entries.get("archive/data.pkl") as Buffer;
      for (const mutant of mutants(pickle, COUNT, 4)) {
        await survive(folder, [rawZip(new Map([...entries, ["archive/data.pkl", mutant]]))]);
      }
    }
  }));

async function survive(folder: string, files: Iterable<Buffer>): Promise<void> {
  const path = join(folder, "mutant");
  for (const bytes of files) {
    await writeFile(path, bytes);
    const start = performance.now();
    try {
      await readAll(path);
    } catch (error) {
      assert.ok(error instanceof SegError, `${(error as Error).stack}\n${bytes.toString("base64")}`);
    }
    assert.ok(performance.now() - start < SLOWEST, "too slow");
  }
}

async function readAll(path: string): Promise<void> {
  const file = await openWeights(path);
  try {
    for (const name of file.names()) await file.read(name);
  } finally {
    await file.close();
  }
}

/** Entries of a torch archive by its directory. */
function unzip(bytes: Buffer): Map<string, Buffer> {
  const entries = new Map<string, Buffer>();
  let at = bytes.readUInt32LE(bytes.length - 6);
  while (bytes.readUInt32LE(at) === 0x02014b50) {
    const [name, extra, comment] = [28, 30, 32].map((field) => bytes.readUInt16LE(at + field));
    const local = bytes.readUInt32LE(at + 42);
    const start = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
    entries.set(
      bytes.toString("utf8", at + 46, at + 46 + name),
      bytes.subarray(start, start + bytes.readUInt32LE(at + 24)),
    );
    at += 46 + name + extra + comment;
  }
  return entries;
}
