/**
 * @file Rasters made of another one's pixels, read through it in windows: a part of it, or all but what a mask hides. Other pixel sizes: resample.ts.
 */
import type { Raster } from "../contract.js";
import { allocate, type GeoRaster, moveGrid } from "./geotiff/index.js";
import type { Window } from "./windows.js";

/** 1 inside, 0 outside [H, W] of a window, or one word for all of it. */
export type WindowMask = Uint8Array | "all" | "none";

/** The part of a raster in a window that lies within it; its georeference tags are moved, the others kept. */
export function cropRaster(raster: GeoRaster, window: Window): GeoRaster {
  const { x, y, width, height } = window;
  const inside = (part: Window): Window => {
    const { width: w, height: h } = part;
    const outside = part.x < 0 || part.y < 0 || w < 1 || h < 1 || part.x + w > width || part.y + h > height;
    if (outside) throw new Error(`internal: window ${part.x},${part.y} ${w} x ${h} of ${width} x ${height}`);
    return { x: x + part.x, y: y + part.y, width: w, height: h };
  };
  return viewOf(raster, {
    ...{ width, height, grid: moveGrid(raster.grid, { x, y, scaleX: 1, scaleY: 1, width, height }) },
    read: async (part, bands) => raster.read(inside(part), bands),
    mayHoldData: (part) => raster.mayHoldData(inside(part)),
  });
}

/** A raster whose pixels outside a mask hold no data; where the mask is "none" nothing is read. */
export function maskRaster(raster: GeoRaster, mask: (window: Window) => WindowMask): GeoRaster {
  const { width, height, grid } = raster;
  return viewOf(raster, {
    ...{ width, height, grid },
    async read(window, bands) {
      const inside = mask(window);
      if (inside === "none") return emptyRaster(raster, window, bands?.length ?? raster.bands);
      const part = await raster.read(window, bands);
      if (inside === "all") return part;
      const valid = part.valid ? inside.map((value, i) => value & (part.valid?.[i] ?? 1)) : inside;
      return valid.includes(0) ? { ...part, valid } : part;
    },
    mayHoldData: (window) => mask(window) !== "none" && raster.mayHoldData(window),
  });
}

/** What differs in a view. */
export interface ViewParts extends Pick<GeoRaster, "width" | "height" | "grid" | "read" | "mayHoldData"> {}

/** A raster as another one but for its pixels; it has no overviews: theirs are of the whole. */
export function viewOf(raster: GeoRaster, parts: ViewParts): GeoRaster {
  return {
    ...raster,
    ...parts,
    overviews: [],
    readLevel: async (level, window, bands) => {
      if (level !== 0) throw new Error("internal: a view has no overviews");
      return parts.read(window, bands);
    },
  };
}

/** A window without data: nodata, or 0. */
export function emptyRaster(
  { dtype, nodata }: Pick<GeoRaster, "dtype" | "nodata">,
  { width, height }: Window,
  bands: number,
): Raster {
  const data = allocate(dtype, width * height * bands);
  if (nodata !== undefined) data.fill(nodata);
  return { data, width, height, bands, valid: new Uint8Array(width * height) };
}
