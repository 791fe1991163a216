/**
 * @file Where everything of a COG lies: header, GDAL's structural metadata, all directories with the full image first, then the blocks with the
 * smallest overview first. Source: GDAL's COG driver documentation, "Header ghost area" and "Tile data leader and trailer": each block has its size
 * in 4 bytes before it and its last 4 bytes again after it, so that a reader needs one request a block and sees that it got it whole.
 */
import { align, directoryBytes, directorySize, type OutTag, writeUint } from "./directory.js";
import { metadataXml, type Measured } from "./gdal-metadata.js";
import type { Plan } from "./options.js";
import type { StoredLevel } from "./pyramid.js";
import { bytesOf, SAMPLE_TYPES } from "./samples.js";

/** Bytes before and after a block. */
export const LEADER = 4;
export const TRAILER = 4;

const STRUCTURE = [
  "LAYOUT=IFDS_BEFORE_DATA",
  "BLOCK_ORDER=ROW_MAJOR",
  "BLOCK_LEADER=SIZE_AS_UINT4",
  "BLOCK_TRAILER=LAST_4_BYTES_REPEATED",
  "KNOWN_INCOMPATIBLE_EDITION=NO",
  " ", // room for a YES: a program that changes the file in place says so here
].join("\n");
const GHOST = `GDAL_STRUCTURAL_METADATA_SIZE=${String(STRUCTURE.length).padStart(6, "0")} bytes\n${STRUCTURE}`;

/** A file that is yet to be written. */
export interface Layout {
  readonly bigTiff: boolean;
  /** All before the first block. */
  readonly head: Buffer;
  /** Of the whole file. */
  readonly bytes: number;
}

/** Lays a file out: classic if its bytes allow that, else BigTIFF. */
export function layOut(plan: Plan, levels: readonly StoredLevel[], measured: Measured): Layout {
  const classic = placed(plan, levels, measured, false);
  return classic.bytes < plan.bigTiffFrom ? headOf(classic, false) : headOf(placed(plan, levels, measured, true), true);
}

interface Placed {
  readonly directories: readonly (readonly OutTag[])[];
  /** Of each directory. */
  readonly starts: readonly number[];
  readonly dataStart: number;
  readonly bytes: number;
}

function placed(plan: Plan, levels: readonly StoredLevel[], measured: Measured, big: boolean): Placed {
  const offsets = levels.map(({ blocks }) => new Float64Array(blocks.count));
  const directories = levels.map((level, i) => tagsOf(plan, level, offsets[i], i === 0 ? measured : undefined));
  const starts: number[] = [];
  let position = align((big ? 16 : 8) + GHOST.length);
  for (const tags of directories) {
    starts.push(position);
    position += directorySize(tags, big);
  }
  const dataStart = position;
  for (let i = levels.length - 1; i >= 0; i--) position = placeBlocks(levels[i].blocks.lengths, offsets[i], position);
  return { directories, starts, dataStart, bytes: position };
}

/** Sets the offsets of an image's blocks, 0 for those without bytes; returns where the next image's begin. */
function placeBlocks(lengths: Uint32Array, offsets: Float64Array, start: number): number {
  let position = start;
  for (let i = 0; i < lengths.length; i++) {
    if (lengths[i] === 0) continue;
    offsets[i] = position + LEADER;
    position += LEADER + lengths[i] + TRAILER;
  }
  return position;
}

function headOf({ directories, starts, dataStart, bytes }: Placed, big: boolean): Layout {
  const head = Buffer.alloc(dataStart);
  head.write("II");
  head.writeUInt16LE(big ? 43 : 42, 2);
  if (big) head.writeUInt16LE(8, 4);
  writeUint(head, starts[0], big ? 8 : 4, big ? 8 : 4);
  head.write(GHOST, big ? 16 : 8, "latin1");
  for (const [i, tags] of directories.entries()) {
    directoryBytes(tags, starts[i], starts[i + 1] ?? 0, big).copy(head, starts[i]);
  }
  return { bigTiff: big, head, bytes };
}

const PHOTOMETRIC = { minisblack: 1, rgb: 2, palette: 3 } as const;

/** The tags of one image; `measured` marks the full one. */
function tagsOf(plan: Plan, level: StoredLevel, offsets: Float64Array, measured: Measured | undefined): OutTag[] {
  const { bands, dtype, blockSize, photometric, colors, nodata } = plan;
  const extra = bands - (photometric === "rgb" ? 3 : 1);
  const perBand = (value: number) => Array<number>(bands).fill(value);
  return [
    ...(measured ? [] : [long(254, 1)]),
    long(256, level.width),
    long(257, level.height),
    short(258, ...perBand(8 * bytesOf(dtype))),
    short(259, 8),
    short(262, PHOTOMETRIC[photometric]),
    short(277, bands),
    short(284, 1),
    ...(plan.predictor === 1 ? [] : [short(317, plan.predictor)]),
    ...(photometric === "palette" && colors ? [short(320, ...colorMap(colors))] : []),
    short(322, blockSize),
    short(323, blockSize),
    { tag: 324, type: "offset", values: offsets },
    { tag: 325, type: "long", values: level.blocks.lengths },
    ...(extra > 0 ? [short(338, ...Array<number>(extra).fill(0))] : []),
    short(339, ...perBand(SAMPLE_TYPES[dtype].format)),
    ...(measured ? mainTags(plan, measured) : []),
    ...(nodata === undefined ? [] : [ascii(42113, nodataText(nodata))]),
  ];
}

const short = (tag: number, ...values: number[]): OutTag => ({ tag, type: "short", values });
const long = (tag: number, value: number): OutTag => ({ tag, type: "long", values: [value] });
const ascii = (tag: number, values: string): OutTag => ({ tag, type: "ascii", values });

/** Place on the ground and metadata: only the full image has them. */
function mainTags(plan: Plan, measured: Measured): OutTag[] {
  const xml = metadataXml(plan, measured);
  const geo = (plan.geoTags ?? []).map(({ tag, values }): OutTag => {
    if (typeof values === "string") return ascii(tag, values);
    return { tag, type: tag === 34735 ? "short" : "double", values };
  });
  return xml === undefined ? geo : [...geo, ascii(42112, Buffer.from(xml, "utf8").toString("latin1"))]; // GDAL reads UTF-8
}

/** As C's strtod takes it. */
function nodataText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  return Number.isFinite(value) ? String(value) : value < 0 ? "-inf" : "inf";
}

/** 256 reds, greens and blues of 16 bits. */
function colorMap(colors: ReadonlyMap<number, readonly [number, number, number]>): number[] {
  return [0, 1, 2].flatMap((channel) =>
    Array.from({ length: 256 }, (_, value) => (colors.get(value)?.[channel] ?? 0) * 257),
  );
}
