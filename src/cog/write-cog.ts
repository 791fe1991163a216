/** @file A COG in one go, from rows that come from the top down. */
import { type FileSystem, nodeFileSystem, temporaryBeside, writeFault } from "../files.js";
import { type CogOptions, planOf } from "./options.js";
import type { Samples } from "./samples.js";
import { type CogSpool, openSpool } from "./spool.js";

/** Takes whole rows from the top down, interleaved [rows, width, bands], in pieces of any length. */
export interface RowWriter {
  write(rows: Samples): Promise<void>;
}

/** Writes a COG; `fill` must hand over exactly `height` rows. The file is whole or absent; the spool beside it is gone in the end. */
export async function writeCog(
  path: string,
  options: CogOptions,
  fill: (writer: RowWriter) => Promise<void>,
  system: FileSystem = nodeFileSystem,
): Promise<void> {
  const plan = planOf(options);
  const folder = temporaryBeside(path);
  try {
    const spool = await openSpool({ folder, subject: path, system }, plan);
    await fillRows(spool, options, fill)
      .then(() => spool.finish(path))
      .finally(() => spool.close());
  } catch (error) {
    await system.remove(folder).catch(() => {}); // the first fault is the one to tell; a sweep takes what stays
    throw error;
  }
  await system.remove(folder).catch((error: unknown) => {
    throw writeFault(folder, error);
  });
}

async function fillRows(
  spool: CogSpool,
  options: CogOptions,
  fill: (writer: RowWriter) => Promise<void>,
): Promise<void> {
  const { width, height, bands } = options;
  let done = 0; // rows
  await fill({
    async write(rows) {
      const count = rows.length / (width * bands);
      if (count > 0) await spool.write(0, done, width, count, rows);
      done += count;
    },
  });
  if (done !== height) throw new Error(`internal: ${done} of ${height} rows were written`);
}
