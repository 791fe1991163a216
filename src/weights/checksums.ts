/**
 * @file Checksums our safetensors files carry in one metadata key: CRC-32 of every tensor's bytes and of what the header says. They hold whatever
 * tool writes the same content again; a file without the key is taken as it is.
 */
import { crc32 } from "node:zlib";
import { z } from "zod";
import { damaged } from "./reading.js";
import type { Entry } from "./safetensors-header.js";

/** The metadata key. */
export const CHECKSUMS = "sam-seg.crc32";

const format = z.object({ header: z.string(), tensors: z.array(z.tuple([z.string(), z.string()])) });

type Metadata = Readonly<Record<string, string>>;
type Described = Pick<Entry, "dtype" | "shape">;

/** CRC-32 in eight hex digits. */
export const hexCrc = (bytes: Uint8Array | string): string => crc32(bytes).toString(16).padStart(8, "0");

/** The value of the key for a file about to be written. */
export function makeChecksums(
  entries: Iterable<readonly [string, Described]>,
  metadata: Metadata,
  tensors: ReadonlyMap<string, string>,
): string {
  return JSON.stringify({ header: headerSum(entries, metadata), tensors: [...tensors] });
}

/** CRC-32 by tensor name, or undefined where the file carries none; rejects where they do not fit the header. */
export function readChecksums(
  entries: ReadonlyMap<string, Described>,
  metadata: Metadata,
  path: string,
): Map<string, string> | undefined {
  const text = metadata[CHECKSUMS];
  if (text === undefined) return undefined;
  const { header, tensors } = parse(text, path);
  const sums = new Map(tensors);
  const named = sums.size === entries.size && [...entries.keys()].every((name) => sums.has(name));
  if (!named || header !== headerSum(entries, metadata)) throw damaged(path, "its header is damaged (checksum)");
  return sums;
}

function parse(text: string, path: string): z.infer<typeof format> {
  try {
    return format.parse(JSON.parse(text));
  } catch (error) {
    throw damaged(path, "its checksums are damaged", error);
  }
}

/** Over names, types, shapes and the other metadata, in sorted order: the spelling of the JSON does not count. */
function headerSum(entries: Iterable<readonly [string, Described]>, metadata: Metadata): string {
  const tensors = [...entries].map(([name, { dtype, shape }]) => JSON.stringify([name, dtype, shape]));
  const others = Object.entries(metadata).filter(([key]) => key !== CHECKSUMS);
  return hexCrc(JSON.stringify([tensors.sort(), others.map((pair) => JSON.stringify(pair)).sort()]));
}
