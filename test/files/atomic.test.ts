/** @file Files are whole or absent: every call of a write fails once, and the file that was there stays. */
import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { EXIT, SegError } from "../../src/errors.js";
import { type FileSystem, nodeFileSystem, sweepTemporaries, writeFileAtomic } from "../../src/files.js";
import { withFolder } from "../support/folder.js";
import { faultySystem } from "./faulty.js";

test("a write whose n-th call fails leaves the old file or the new one, for every n", () =>
  withFolder(async (folder) => {
    const path = join(folder, "file");
    await writeFile(path, "old");
    const counter = faultySystem();
    await writeFileAtomic(path, "new!", counter.system);
    assert.ok(counter.calls() >= 6, `${counter.calls()} calls`);
    for (const code of ["ENOSPC", "EIO", "EDQUOT"] as const) {
      for (const forever of [false, true]) {
        for (let at = 1; at <= counter.calls(); at++) {
          await writeFile(path, "old");
          const { system } = faultySystem({ at, code, forever });
          await assert.rejects(writeFileAtomic(path, "new!", system), (error) => isFault(error, path, code));
          assert.match(await readFile(path, "utf8"), /^(old|new!)$/, `call ${at}`);
          await sweepTemporaries(folder);
          assert.deepEqual(await readdir(folder), ["file"], `call ${at}`);
        }
      }
    }
  }));

function isFault(error: unknown, path: string, code: string): boolean {
  assert.ok(error instanceof SegError);
  assert.equal(error.subject, path);
  assert.equal(error.exitCode, code === "EIO" ? EXIT.usage : EXIT.guard);
  return true;
}

test("short writes are gone on with", () =>
  withFolder(async (folder) => {
    const path = join(folder, "file");
    const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i % 251);
    const system: FileSystem = {
      ...nodeFileSystem,
      async open(name, flags) {
        const handle = await nodeFileSystem.open(name, flags);
        const write = handle.write.bind(handle) as (b: Uint8Array, o: number, l: number, p: number | null) => unknown;
        const short = (b: Uint8Array, o: number, l: number, p: number | null) => write(b, o, Math.min(l, 7), p);
        return Object.assign(handle, { write: short });
      },
    };
    await writeFileAtomic(path, bytes, system);
    assert.deepEqual(new Uint8Array(await readFile(path)), bytes);
  }));

test("a disk that takes no more bytes and reports no error is full", () =>
  withFolder(async (folder) => {
    const system: FileSystem = {
      ...nodeFileSystem,
      async open(name, flags) {
        const handle = await nodeFileSystem.open(name, flags);
        return Object.assign(handle, { write: async () => ({ bytesWritten: 0 }) });
      },
    };
    const path = join(folder, "file");
    await assert.rejects(writeFileAtomic(path, "text", system), /the disk is full/);
    assert.deepEqual(await readdir(folder), []);
  }));
