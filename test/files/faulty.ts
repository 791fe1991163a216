/** @file A file system whose n-th call fails, alone (a full disk, an I/O error) or with all that follow (a killed process). */
import type { FileHandle } from "node:fs/promises";
import { type FileSystem, nodeFileSystem } from "../../src/files.js";

export interface Fault {
  /** Number of the call that fails, from 1. */
  readonly at: number;
  /** What it fails with; a write first puts down half of its bytes. */
  readonly code: "ENOSPC" | "EIO" | "EDQUOT";
  /** Whether every later call fails, too: nothing is cleaned up, as after a kill. */
  readonly forever: boolean;
}

/** Calls made through it are counted; `fault` says which one fails. */
export function faultySystem(fault?: Fault): { readonly system: FileSystem; readonly calls: () => number } {
  let calls = 0;
  const fails = () => {
    calls++;
    return fault !== undefined && (fault.forever ? calls >= fault.at : calls === fault.at);
  };
  const error = () => Object.assign(new Error(`injected ${fault?.code}`), { code: fault?.code });
  const guard =
    <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      if (fails()) throw error();
      return call(...args);
    };
  const system: FileSystem = {
    open: guard(async (path, flags) => faultyHandle(await nodeFileSystem.open(path, flags), fails, error)),
    rename: guard(nodeFileSystem.rename),
    remove: guard(nodeFileSystem.remove),
    makeFolder: guard(nodeFileSystem.makeFolder),
  };
  return { system, calls: () => calls };
}

/** Writes, and flushes fail as the calls of the system do; closing always gives the descriptor back. */
function faultyHandle(handle: FileHandle, fails: () => boolean, error: () => Error): FileHandle {
  return {
    async write(bytes: Uint8Array, offset: number, length: number, position: number | null) {
      if (!fails()) return handle.write(bytes, offset, length, position);
      if (length > 1) await handle.write(bytes, offset, length >> 1, position);
      throw error();
    },
    async sync() {
      if (fails()) throw error();
      await handle.sync();
    },
    read: (bytes: Uint8Array, offset: number, length: number, position: number) =>
      handle.read(bytes, offset, length, position),
    close: () => handle.close(),
  } as FileHandle;
}
