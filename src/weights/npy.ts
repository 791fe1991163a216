/**
 * @file Arrays for NumPy: format version 1.0 (numpy/numpy, numpy/lib/format.py), float32 little-endian, C order.
 */
import { withAtomicFile } from "../files.js";
import { type Shape, sizeOf } from "../graph/tensor.js";

/** Writes an array; whole or absent. Rejects with SegError on a full disk and the like. */
export async function writeNpy(path: string, data: Float32Array, shape: Shape): Promise<void> {
  if (data.length !== sizeOf(shape)) throw new Error(`internal: ${data.length} numbers do not fill [${shape}]`);
  await withAtomicFile(path, async (file) => {
    await file.write(header(shape));
    await file.write(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  });
}

/** Magic, version, length and a Python literal, padded so that the numbers start at a multiple of 64. */
function header(shape: Shape): Buffer {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': ${tuple}, }`;
  const padded = `${text.padEnd(64 * Math.ceil((10 + text.length + 1) / 64) - 11)}\n`;
  const start = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 0, 0]);
  start.writeUInt16LE(padded.length, 8);
  return Buffer.concat([start, Buffer.from(padded, "latin1")]);
}
