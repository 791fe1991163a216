/**
 * @file Scratch files beside an output: written at the end, read anywhere, gone afterwards. Their names follow src/files.ts, so that a sweep finds what
 * a killed process left.
 */
import { closeSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { writeFault } from "../files.js";

/** A scratch file; bytes go to its end. Faults of the disk throw SegError that names the output. */
export interface ScratchFile {
  readonly length: number;
  append(bytes: Uint8Array): void;
  read(position: number, length: number): Buffer;
}

let counter = Date.now(); // beyond those of an earlier process with the same id

/** What the scratch files of an output are called after. */
export const scratchNames = (output: string) => ({ arcs: `${output}.arcs`, features: `${output}.features` });

/** Runs `use` with an empty scratch file called `name` for an output, which is removed afterwards. */
export async function withScratchFile<T>(
  name: string,
  output: string,
  use: (file: ScratchFile) => Promise<T>,
): Promise<T> {
  const path = join(dirname(name), `.${basename(name)}.${process.pid}-${counter++}.partial`);
  const handle = guarded(output, () => openSync(path, "wx+"));
  try {
    return await use(scratchFile(output, handle));
  } finally {
    closeSync(handle);
    rmSync(path, { force: true });
  }
}

const BUFFER_BYTES = 2 ** 20;

function scratchFile(output: string, handle: number): ScratchFile {
  let pending: Uint8Array[] = [];
  let written = 0;
  let length = 0;
  const flush = () => {
    const bytes = Buffer.concat(pending);
    pending = [];
    for (let done = 0; done < bytes.length; ) {
      done += guarded(output, () => writeSync(handle, bytes, done, bytes.length - done, written + done));
    }
    written = length;
  };
  return {
    get length() {
      return length;
    },
    append(bytes) {
      pending.push(bytes);
      length += bytes.length;
      if (length - written > BUFFER_BYTES) flush();
    },
    read(position, count) {
      if (position + count > written) flush();
      const out = Buffer.allocUnsafe(count);
      for (let done = 0; done < count; ) {
        const got = guarded(output, () => readSync(handle, out, done, count - done, position + done));
        if (got === 0) throw new Error(`internal: the scratch file of ${output} ends before ${position + count}`);
        done += got;
      }
      return out;
    },
  };
}

function guarded<T>(output: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw writeFault(output, error);
  }
}
