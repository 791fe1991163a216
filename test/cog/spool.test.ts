/** @file A spool goes on after a kill to the same bytes, sees damage, and takes pixels in any order; a full disk leaves what was there. */
import assert from "node:assert/strict";
import { appendFile, readdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { type CogOptions, type CogSpool, openCogSpool, type SpoolCommit, writeCog } from "../../src/cog/index.js";
import { EXIT, SegError } from "../../src/errors.js";
import { sha256File, sweepTemporaries } from "../../src/files.js";
import { faultySystem } from "../files/faulty.js";
import { withFolder } from "../support/folder.js";

const [WIDTH, HEIGHT, SIDE] = [150, 171, 32];
const options: CogOptions = {
  ...{ width: WIDTH, height: HEIGHT, bands: 1, dtype: "uint8", blockSize: SIDE, nodata: 255 },
  ...{ overviews: "mode", statistics: true, metadata: { A: "1" } },
};
const samples = Uint8Array.from({ length: WIDTH * HEIGHT }, (_, i) => {
  const [x, y] = [i % WIDTH, Math.floor(i / WIDTH)];
  return y < 40 && x > 90 ? 255 : (Math.floor(x / 7) * Math.floor(y / 5) + (i % 11 === 0 ? 1 : 0)) % 9;
});

/** Writes rectangle x, y, width, height of the samples. */
async function put(spool: CogSpool, x: number, y: number, width: number, height: number): Promise<void> {
  const part = new Uint8Array(width * height);
  for (let row = 0; row < height; row++) {
    const start = (y + row) * WIDTH + x;
    part.set(samples.subarray(start, start + width), row * width);
  }
  await spool.write(x, y, width, height, part);
}

/** The file's hash after `fill`, and what finish said. */
async function made(folder: string, fill: (spool: CogSpool) => Promise<void>): Promise<string> {
  const spool = await openCogSpool(join(folder, "work"), options);
  await fill(spool);
  await spool.finish(join(folder, "out.tif"));
  await spool.close({ remove: true });
  assert.deepEqual(await readdir(folder), ["out.tif"]);
  return sha256File(join(folder, "out.tif"));
}

const whole = (spool: CogSpool) => put(spool, 0, 0, WIDTH, HEIGHT);

test("the same pixels make the same bytes, in whatever order and overlap they come", () =>
  withFolder(async (folder) => {
    const expected = await made(folder, whole);
    const orders: Record<string, (spool: CogSpool) => Promise<void>> = {
      async rows(spool) {
        for (let y = 0; y < HEIGHT; y++) await put(spool, 0, y, WIDTH, 1);
      },
      async columnsFromTheRight(spool) {
        for (let x = WIDTH - 10; x >= 0; x -= 10) await put(spool, x, 0, 10, HEIGHT);
      },
      async overlappingWindows(spool) {
        const starts = (length: number) =>
          [...Array(Math.ceil(length / 29)).keys()].map((i) => Math.min(29 * i, length - 40));
        for (const x of starts(WIDTH)) for (const y of starts(HEIGHT).reverse()) await put(spool, x, y, 40, 40);
      },
    };
    for (const [name, fill] of Object.entries(orders)) assert.equal(await made(folder, fill), expected, name);
  }));

/** A spool that was killed after its second commit: with pixels after it, and rubbish at the end of its file. */
async function killed(folder: string): Promise<SpoolCommit[]> {
  const spool = await openCogSpool(join(folder, "work"), options);
  await put(spool, 0, 0, WIDTH, 45);
  const commits = [await spool.commit()];
  await put(spool, 0, 45, WIDTH, 30);
  await put(spool, 96, 96, 54, 50);
  commits.push(await spool.commit());
  await put(spool, 0, 75, WIDTH, 60);
  await spool.close();
  await appendFile(join(folder, "work", "blocks"), "rubbish");
  return JSON.parse(JSON.stringify(commits));
}

describe("a spool that was killed", () => {
  test("goes on from its commits to the bytes of a run without a stop", () =>
    withFolder(async (folder) => {
      const expected = await made(folder, whole);
      const commits = await killed(folder);
      const spool = await openCogSpool(join(folder, "work"), options, commits);
      assert.equal(spool.firstOpenRow, 64);
      assert.deepEqual(
        [0, 9, 10, 18, 19].map((block) => spool.isComplete(block)),
        [true, true, false, true, true],
      );
      await assert.rejects(spool.finish(join(folder, "other.tif")), /of 30 blocks lack pixels/);
      await put(spool, 0, 32, WIDTH, HEIGHT - 32);
      assert.equal(spool.firstOpenRow, HEIGHT);
      await spool.finish(join(folder, "other.tif"));
      await spool.finish(join(folder, "other.tif")); // as after a kill between the file and the news of it
      await spool.close({ remove: true });
      assert.equal(await sha256File(join(folder, "other.tif")), expected);
    }));

  test("names the block of a flipped bit, and of a file that was cut", () =>
    withFolder(async (folder) => {
      const commits = await killed(folder);
      const file = join(folder, "work", "blocks");
      const bytes = await readFile(file);
      const [index, offset] = commits[1].blocks[2];
      bytes[offset + 3] ^= 4;
      await writeFile(file, bytes);
      const isNamed = (error: unknown) =>
        error instanceof SegError && error.reason === `block ${index} of the spool is damaged`;
      await assert.rejects(openCogSpool(join(folder, "work"), options, commits), isNamed);
      bytes[offset + 3] ^= 4;
      await writeFile(file, bytes);
      await (await openCogSpool(join(folder, "work"), options, commits)).close();
      await truncate(file, commits[1].length - 1);
      await assert.rejects(openCogSpool(join(folder, "work"), options, commits), /block \d+ of the spool is damaged/);
    }));
});

describe("a disk that fails", () => {
  test("leaves the old file or the new one and nothing beside it, whichever call it is", () =>
    withFolder(async (folder) => {
      const path = join(folder, "out.tif");
      const write = (system: ReturnType<typeof faultySystem>["system"]) =>
        writeCog(path, options, (writer) => writer.write(samples), system);
      const counter = faultySystem();
      await write(counter.system);
      const fresh = await readFile(path);
      assert.ok(counter.calls() > 40, `${counter.calls()} calls`);
      for (const forever of [false, true]) {
        for (let at = 1; at <= counter.calls(); at++) {
          await writeFile(path, "old");
          await assert.rejects(write(faultySystem({ at, code: "ENOSPC", forever }).system), (error) => {
            assert.ok(error instanceof SegError, String(error));
            assert.equal(error.exitCode, EXIT.guard);
            return true;
          });
          const found = await readFile(path);
          assert.ok(found.equals(fresh) || found.toString() === "old", `call ${at}`);
          await sweepTemporaries(folder);
          assert.deepEqual(await readdir(folder), ["out.tif"], `call ${at}`);
        }
      }
    }));

  test("is told by the commit after it, and the commits before it stand", () =>
    withFolder(async (folder) => {
      const work = join(folder, "work");
      const spool = await openCogSpool(
        work,
        options,
        undefined,
        faultySystem({ at: 20, code: "ENOSPC", forever: true }).system,
      );
      await put(spool, 0, 0, WIDTH, 32);
      const commits = [await spool.commit()];
      const rest = async () => {
        await put(spool, 0, 32, WIDTH, HEIGHT - 32);
        await spool.commit();
      };
      await assert.rejects(rest(), (error) => error instanceof SegError && error.subject === work);
      await spool.close();
      const again = await openCogSpool(work, options, commits);
      assert.equal(again.firstOpenRow, 32);
      await again.close({ remove: true });
    }));
});

test("what cannot be written is refused by name", async () => {
  const wrong: [Partial<CogOptions>, string][] = [
    [{ width: 0 }, "0 x 171 pixels"],
    [{ blockSize: 40 }, "blockSize 40"],
    [{ blockSize: 2 ** 14 }, "blockSize 16384"],
    [{ level: 10 }, "level 10"],
    [{ predictor: 3 }, "predictor 3"],
    [{ dtype: "float32" }, "overviews mode"],
    [{ nodata: 256 }, "nodata 256"],
    [{ bands: 2, colors: new Map() }, "colors"],
    [{ photometric: "rgb" }, "photometric rgb"],
  ];
  for (const [change, subject] of wrong) {
    const attempt = openCogSpool("/nowhere", { ...options, ...change });
    await assert.rejects(attempt, (error) => error instanceof SegError && error.subject === subject);
  }
});

test("samples that do not fit the raster are a fault of the caller", () =>
  withFolder(async (folder) => {
    const spool = await openCogSpool(join(folder, "work"), options);
    await assert.rejects(spool.write(140, 0, 20, 1, new Uint8Array(20)), /20 x 1 pixels at 140,0 of 150 x 171/);
    await assert.rejects(spool.write(0, 0, 20, 1, new Uint8Array(21)), /21 samples for 20 x 1 pixels/);
    await assert.rejects(spool.write(0, 0, 20, 1, new Float32Array(20)), /Float32Array, not of uint8/);
    await spool.close({ remove: true });
  }));

test("what cannot be written is refused before anything is", () =>
  withFolder(async (folder) => {
    const refused = (changes: Partial<CogOptions>, says: RegExp) =>
      assert.rejects(openCogSpool(join(folder, "work"), { ...options, ...changes }), (error) => {
        assert.ok(error instanceof SegError);
        assert.match(error.message, says);
        return true;
      });
    await refused(
      { width: 1e9, height: 1e9 },
      /are 976562500000000 blocks, more than 268435456; give a larger blockSize/,
    );
    await refused({ bigTiffFrom: 2 ** 32 }, /bigTiffFrom 4294967296/);
    await refused({ bigTiffFrom: Number.NaN }, /bigTiffFrom NaN/);
    await refused(
      { geoTags: [{ tag: 34735, values: [1, 1, 0, 70_000] }] },
      /geoTags: tag 34735: holds 70000, which is no/,
    );
    await refused({ geoTags: [{ tag: 34735, values: [1, 0.5] }] }, /holds 0.5/);
    await refused({ geoTags: [{ tag: 70_000, values: [1] }] }, /tag 70000: is not a number of a tag/);
    assert.deepEqual(await readdir(folder), []);
  }));

test("a spool whose blocks are gone says so", () =>
  withFolder(async (folder) => {
    const commits: SpoolCommit[] = [{ length: 10, blocks: [] }];
    await assert.rejects(
      openCogSpool(join(folder, "work"), options, commits),
      /its blocks are gone; start again \(seg predict/,
    );
  }));
