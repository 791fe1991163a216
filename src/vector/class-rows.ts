/**
 * @file A class raster from the top down in bands of whole rows, the next one being read while the last is worked on. Only such a band is in
 * memory. Units: pixels.
 */
import type { PixelArray, Raster } from "../contract.js";
import { SegError } from "../errors.js";
import type { Window } from "../raster/index.js";

/** The class of a pixel that holds no data: it belongs to no region. */
export const NODATA = -(2 ** 31);

/** Pixels of a band of rows in memory at a time. */
const BAND_PIXELS = 2 ** 22;

/** What is vectorised: one band of class numbers, read in windows as `openGeoTiff` gives them. */
export interface ClassSource {
  readonly width: number;
  readonly height: number;
  /** Rows of a stored block: bands of rows are cut along them. */
  readonly blockHeight: number;
  read(window: Window): Promise<Raster>;
}

/** Rows y .. y + rows of a source, row-major. */
export interface Rows<T> {
  readonly y: number;
  readonly rows: number;
  readonly values: T;
}

/** Class numbers of all rows in their order, NODATA where a pixel does not count. */
export async function* classRows(source: ClassSource): AsyncGenerator<Rows<Int32Array>> {
  for await (const { y, rows, values } of rasterRows(source)) yield { y, rows, values: classesOf(values) };
}

/** All rows in their order as they are stored. */
export async function* rasterRows(source: ClassSource): AsyncGenerator<Rows<Raster>> {
  const step = rowsAtATime(source);
  const load = (y: number) => {
    const band = source.read({ x: 0, y, width: source.width, height: Math.min(step, source.height - y) });
    band.catch(() => {}); // told where it is awaited: the work on the band before may end first
    return band;
  };
  let next = load(0);
  for (let y = 0; y < source.height; y += step) {
    const values = await next;
    if (y + step < source.height) next = load(y + step);
    yield { y, rows: values.height, values };
  }
}

/** Whole blocks where they fit, so that none is decoded twice; the block cache serves the parts of those that do not. */
function rowsAtATime({ width, blockHeight }: ClassSource): number {
  const most = Math.max(1, Math.floor(BAND_PIXELS / width));
  return blockHeight >= most ? most : blockHeight * Math.max(1, Math.floor(Math.min(most, 256) / blockHeight));
}

function classesOf({ data, valid }: { data: PixelArray; valid?: Uint8Array }): Int32Array {
  const out = Int32Array.from(data);
  if (valid) for (let i = 0; i < out.length; i++) if (valid[i] === 0) out[i] = NODATA;
  if (data instanceof Float64Array) refuseLarge(data, valid);
  return out;
}

function refuseLarge(data: Float64Array, valid: Uint8Array | undefined): void {
  const large = data.find((value, i) => (value | 0) !== value && valid?.[i] !== 0);
  if (large === undefined) return;
  throw new SegError("the map", `holds the class ${large}`, "give a map whose class numbers fit into 32 bits");
}
