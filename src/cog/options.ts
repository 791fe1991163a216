/** @file What a COG is made with, checked once and completed with the defaults. Source of the tag numbers: TIFF 6.0, OGC GeoTIFF 1.1, GDAL's GTiff driver. */
import { SegError } from "../errors.js";
import { bytesOf, type SampleType, stored } from "./samples.js";

/** A georeferencing tag, written as it is: shorts (34735), ASCII (34737) or doubles (any other). */
export interface GeoTag {
  readonly tag: number;
  readonly values: readonly number[] | string;
}

/** What is said of one band: GDAL shows it as the band's description, scale, offset, unit and metadata. */
export interface BandItems {
  readonly description?: string;
  /** True value = stored value * scale + offset. */
  readonly scale?: number;
  readonly offset?: number;
  readonly unit?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** What the file is to be. */
export interface CogOptions {
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  readonly bands: number;
  readonly dtype: SampleType;
  /** Side of a block in pixels, a multiple of 16; default 256. */
  readonly blockSize?: number;
  /** 1 none (default), 2 differences of integers along a row, 3 the one for floating point. */
  readonly predictor?: 1 | 2 | 3;
  /** Level of DEFLATE, 0 to 9; default 6. */
  readonly level?: number;
  readonly nodata?: number;
  /** How 2 x 2 pixels become one; default mean. Mode, for classes: ties to the smaller label, nodata never wins over data. */
  readonly overviews?: "mode" | "mean" | "nearest" | "none";
  /** Palette of an 8-bit single-band raster: red, green, blue (0..255) by value. */
  readonly colors?: ReadonlyMap<number, readonly [number, number, number]>;
  /** GDAL metadata items of the file. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Items of band 1, 2, ... */
  readonly bandItems?: readonly BandItems[];
  readonly geoTags?: readonly GeoTag[];
  /** Default: palette with `colors`, else rgb for 8 bits and three bands or more, else minisblack. */
  readonly photometric?: "minisblack" | "rgb" | "palette";
  /** Whether exact statistics of each band go into the metadata, and the pixels of each value for 8-bit single-band rasters. */
  readonly statistics?: boolean;
  /** Bytes from which a file is a BigTIFF; default 2^32 - 1, the most that 32-bit offsets reach. */
  readonly bigTiffFrom?: number;
}

/** Options without gaps; `nodata` as the sample type stores it. */
export interface Plan extends CogOptions {
  readonly blockSize: number;
  readonly predictor: 1 | 2 | 3;
  readonly level: number;
  readonly overviews: "mode" | "mean" | "nearest" | "none";
  readonly photometric: "minisblack" | "rgb" | "palette";
  readonly bigTiffFrom: number;
  /** Uncompressed bytes of one block. */
  readonly blockBytes: number;
}

const MAX_SIDE = 2 ** 31 - 1;
const MAX_BLOCK_BYTES = 2 ** 26;
const MAX_BLOCKS = 2 ** 28;
const MAX_CLASSIC = 2 ** 32 - 1;
const GEO_KEYS = 34735;

/** The options with their defaults. Throws SegError, naming the option, for what cannot be written. */
export function planOf(options: CogOptions): Plan {
  const { bands, dtype, colors } = options;
  const blockSize = options.blockSize ?? 256;
  const rgb = dtype === "uint8" && bands >= 3;
  const plan: Plan = {
    ...options,
    blockSize,
    predictor: options.predictor ?? 1,
    level: options.level ?? 6,
    overviews: options.overviews ?? "mean",
    photometric: options.photometric ?? (colors ? "palette" : rgb ? "rgb" : "minisblack"),
    bigTiffFrom: options.bigTiffFrom ?? MAX_CLASSIC,
    blockBytes: blockSize ** 2 * bands * bytesOf(dtype),
    ...(options.nodata !== undefined && { nodata: stored(dtype, options.nodata) }),
  };
  const fault = faultOf(plan, options.nodata);
  if (fault) throw new SegError(...fault);
  return plan;
}

type Fault = readonly [subject: string, reason: string, remedy: string];

const isCount = (value: number, most: number) => Number.isInteger(value) && value >= 1 && value <= most;

function faultOf(plan: Plan, nodata: number | undefined): Fault | undefined {
  const { width, height, bands, dtype, blockSize, predictor } = plan;
  if (!isCount(width, MAX_SIDE) || !isCount(height, MAX_SIDE))
    return [`${width} x ${height} pixels`, "is no size of a raster", "give whole numbers from 1 to 2147483647"];
  if (!isCount(bands, 65535)) return [`bands ${bands}`, "is not a number of bands", "give 1 to 65535"];
  if (!isCount(blockSize, MAX_SIDE) || blockSize % 16 !== 0)
    return [`blockSize ${blockSize}`, "is not a multiple of 16", "give 256 or 512"];
  if (plan.blockBytes > MAX_BLOCK_BYTES)
    return [
      `blockSize ${blockSize}`,
      `makes blocks of ${plan.blockBytes} bytes, more than 64 MiB`,
      "give a smaller one",
    ];
  if (!Number.isInteger(plan.level) || plan.level < 0 || plan.level > 9)
    return [`level ${plan.level}`, "is not a level of DEFLATE", "give 0 to 9"];
  const isFloat = dtype.startsWith("float");
  if ((predictor === 2 && isFloat) || (predictor === 3 && !isFloat))
    return [`predictor ${predictor}`, `does not go with ${dtype}`, `give 1 or ${isFloat ? 3 : 2}`];
  if (plan.overviews === "mode" && isFloat)
    return ["overviews mode", `is for classes, not for ${dtype}`, "give mean or nearest"];
  if (nodata !== undefined && !isFloat && plan.nodata !== nodata)
    return [`nodata ${nodata}`, `is not a value of ${dtype}`, "give one that is, or a wider type"];
  return sizeFault(plan) ?? colorFault(plan) ?? geoTagFault(plan);
}

function sizeFault({ width, height, blockSize, bigTiffFrom }: Plan): Fault | undefined {
  const blocks = Math.ceil(width / blockSize) * Math.ceil(height / blockSize);
  if (blocks > MAX_BLOCKS)
    return [`${width} x ${height} pixels`, `are ${blocks} blocks, more than ${MAX_BLOCKS}`, "give a larger blockSize"];
  if (!(bigTiffFrom >= 0 && bigTiffFrom <= MAX_CLASSIC))
    return [`bigTiffFrom ${bigTiffFrom}`, "is not a size that 32-bit offsets reach", `give 0 to ${MAX_CLASSIC}`];
  return undefined;
}

/** The values must go into the tag: found out when the file is put together, it would be too late. */
function geoTagFault({ geoTags = [] }: Plan): Fault | undefined {
  const isWord = (value: number) => Number.isInteger(value) && value >= 0 && value <= 65535;
  for (const { tag, values } of geoTags) {
    if (!isWord(tag)) return [`geoTags: tag ${tag}`, "is not a number of a tag", "give 0 to 65535"];
    if (tag !== GEO_KEYS || typeof values === "string") continue;
    const odd = values.find((value) => !isWord(value));
    if (odd !== undefined)
      return [`geoTags: tag ${tag}`, `holds ${odd}, which is no 16-bit number`, "give GeoKeys of 0 to 65535"];
  }
  return undefined;
}

function colorFault({ bands, dtype, colors, photometric }: Plan): Fault | undefined {
  if ((colors !== undefined || photometric === "palette") && (bands !== 1 || dtype !== "uint8"))
    return ["colors", `are for one band of uint8, not ${bands} of ${dtype}`, "leave them out"];
  if (photometric === "palette" && !colors) return ["photometric palette", "comes without colors", "give them"];
  if (photometric === "rgb" && bands < 3)
    return ["photometric rgb", `needs three bands, not ${bands}`, "give minisblack"];
  return undefined;
}
