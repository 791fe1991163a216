/**
 * @file The part of a scene that is to be mapped: a window in pixels, bounds in any reference system, the area of GeoJSON polygons, and the pixel
 * size. Several together mean what they have in common.
 */
import {
  isGeographic,
  type Point,
  type ReferenceSystem,
  systemOfEpsg,
  systemOfGrid,
  transformer,
} from "../crs/index.js";
import { type BurnShape, burn, burnShape } from "../dataset/burn.js";
import { readPolygons } from "../dataset/geojson.js";
import { SegError } from "../errors.js";
import { type Box, boxOf, commonBox, cut, densified } from "./curves.js";
import {
  cropRaster,
  type GeoRaster,
  type Grid,
  maskRaster,
  requirePlace,
  resampleRaster,
  type Window,
  type WindowMask,
} from "../raster/index.js";

/** What of a scene is wanted; without any of these all of it. */
export interface RegionOptions {
  /** Pixels "x,y,width,height". */
  readonly window?: string;
  /** Ground coordinates "left,bottom,right,top", in the scene's system or that of `bboxCrs`. */
  readonly bbox?: string;
  /** EPSG code of the system of `bbox`. */
  readonly bboxCrs?: number;
  /** GeoJSON file; pixels whose centres lie in none of its polygons hold no data. */
  readonly aoi?: string;
  /** Size of pixels in the units of the scene's system. */
  readonly resampleTo?: number;
}

/** The region of a raster; what reaches over its border is clipped. SegError for bounds that miss it, naming its own. */
export async function chooseRegion(raster: GeoRaster, options: RegionOptions): Promise<GeoRaster> {
  const outline = options.aoi === undefined ? undefined : await readOutline(options.aoi, raster);
  const asked = [
    options.window !== undefined && windowOf(options.window, raster),
    options.bbox !== undefined && boundsOf(options.bbox, options.bboxCrs, raster),
    outline && outlineWindow(outline, raster),
  ];
  let area: Window = { x: 0, y: 0, width: raster.width, height: raster.height };
  for (const part of asked) if (part) area = common(area, part, raster);
  const { resampleTo } = options;
  const isWhole = area.width === raster.width && area.height === raster.height;
  const part =
    resampleTo !== undefined ? resampleRaster(raster, resampleTo, area) : isWhole ? raster : cropRaster(raster, area);
  return outline ? maskRaster(part, maskOf(outline.shapesOn(part.grid))) : part;
}

function common(a: Window, b: Window, { path }: GeoRaster): Window {
  const [x, y] = [Math.max(a.x, b.x), Math.max(a.y, b.y)];
  const width = Math.min(a.x + a.width, b.x + b.width) - x;
  const height = Math.min(a.y + a.height, b.y + b.height) - y;
  if (width < 1 || height < 1)
    throw new SegError(
      path,
      "window, bbox and aoi have no pixel in common",
      "leave one out, or choose them to overlap",
    );
  return { x, y, width, height };
}

/** Four numbers between commas. */
function fourNumbers(subject: string, text: string, form: string): number[] {
  const values = text.split(",").map((word) => (word.trim() === "" ? Number.NaN : Number(word)));
  if (values.length !== 4 || !values.every(Number.isFinite))
    throw new SegError(subject, "is not four numbers between commas", `give ${form}`);
  return values;
}

function windowOf(text: string, raster: GeoRaster): Window {
  const form = "x,y,width,height in pixels";
  const [x, y, width, height] = fourNumbers(`window ${text}`, text, form);
  if (![x, y, width, height].every(Number.isSafeInteger) || width < 1 || height < 1)
    throw new SegError(`window ${text}`, "is not of whole pixels, one at least", `give ${form}`);
  return clipped({ x, y, width, height }, raster, `window ${text}`, `0,0,${raster.width},${raster.height}`);
}

/** The part of a window inside the raster; SegError, telling the raster's own bounds, where there is none. */
function clipped(window: Window, { path, width, height }: GeoRaster, subject: string, own: string): Window {
  const [x, y] = [Math.max(0, window.x), Math.max(0, window.y)];
  const part = {
    x,
    y,
    width: Math.min(width, window.x + window.width) - x,
    height: Math.min(height, window.y + window.height) - y,
  };
  if (part.width >= 1 && part.height >= 1) return part;
  throw new SegError(subject, `lies outside ${path}`, `choose it within ${own}`);
}

function boundsOf(text: string, epsg: number | undefined, raster: GeoRaster): Window {
  const subject = `bbox ${text}`;
  const [left, bottom, right, top] = fourNumbers(subject, text, "left,bottom,right,top");
  if (left >= right || bottom >= top)
    throw new SegError(subject, "has no area", "give left,bottom,right,top with left below right and bottom below top");
  const { toPixel } = requirePlace(raster.grid, raster.path);
  if (epsg === undefined) {
    const box = boxOf(outline([left, bottom, right, top], undefined, toPixel)); // whatever system it is
    return clipped(pixelsOf(box, raster), raster, subject, ownBounds(raster));
  }
  const given = systemOfEpsg(epsg, subject);
  const own = systemOf(raster);
  if (!own) throw noSystem(raster.path, "bounds in another system");
  const reach = reachOf(raster, own, given);
  const near: Box = reach ? commonBox([left, bottom, right, top], reach) : [left, bottom, right, top];
  const box = boxOf(outline(near, transformer(given, own, raster.path), toPixel));
  const isNear = near[0] < near[2] && near[1] < near[3];
  return clipped(isNear ? pixelsOf(box, raster) : NOWHERE, raster, subject, ownBounds(raster, own, given));
}

/** Outside every raster. */
const NOWHERE: Window = { x: -1, y: -1, width: 0, height: 0 };

/**
 * Longitudes and latitudes a raster lies between, with some to spare: projections are no good far from the places they are made for, and what lies
 * beyond cannot matter. Undefined for other systems, and for rasters that go over 180 degrees or round a pole.
 */
function reachOf(raster: GeoRaster, own: ReferenceSystem, given: ReferenceSystem): Box | undefined {
  if (!isGeographic(given) || isGeographic(own)) return undefined;
  const border = groundOutline(raster, own, given);
  const [left, bottom, right, top] = boxOf(border);
  if (!border.flat().every(Number.isFinite) || right - left >= 180) return undefined;
  const [marginX, marginY] = [(right - left) / 10 + 0.01, (top - bottom) / 10 + 0.01];
  return [left - marginX, bottom - marginY, right + marginX, top + marginY];
}

const systemOf = ({ grid, path }: GeoRaster) => systemOfGrid(grid, path);

const noSystem = (path: string, what: string) =>
  new SegError(path, `states no reference system, so ${what} cannot be laid over it`, "state it with gdal_edit -a_srs");

/** A rectangle's outline in pixel coordinates: straight lines of one system are curves in another. */
function outline(
  [left, bottom, right, top]: Box,
  project: ((point: Point) => Point) | undefined,
  toPixel: (point: Point) => Point,
): Point[] {
  const corners: Point[] = [
    [left, bottom],
    [right, bottom],
    [right, top],
    [left, top],
  ];
  return densified([corners], (point) => toPixel(project ? project(point) : point)).flat();
}

/** Whole pixels a box touches; an edge within a thousandth of a pixel of a border lies on it. */
function pixelsOf([left, top, right, bottom]: Box, { width, height }: GeoRaster): Window {
  const within = (value: number, length: number) => Math.min(Math.max(value, -1), length + 1); // keeps sums whole
  const x = Math.floor(within(left + 1e-3, width));
  const y = Math.floor(within(top + 1e-3, height));
  return {
    x,
    y,
    width: Math.ceil(within(right - 1e-3, width)) - x,
    height: Math.ceil(within(bottom - 1e-3, height)) - y,
  };
}

/** The raster's bounds as a `bbox`, in the system that was asked in. */
function ownBounds(raster: GeoRaster, own?: ReferenceSystem, given?: ReferenceSystem): string {
  const box = boxOf(groundOutline(raster, own, given));
  const digits = box.every((value) => Math.abs(value) <= 360) ? 6 : 2;
  return box.map((value) => Number(value.toFixed(digits))).join(",");
}

/** The raster's border in a system; in its own without one. */
function groundOutline(
  { grid, path, width, height }: GeoRaster,
  own?: ReferenceSystem,
  given?: ReferenceSystem,
): Point[] {
  const { transform: t } = requirePlace(grid, path);
  const project = own && given ? transformer(own, given, path) : undefined;
  const toGround = ([x, y]: Point): Point => [t[0] + x * t[1] + y * t[2], t[3] + x * t[4] + y * t[5]];
  return outline(
    [0, 0, width, height],
    project && ((point) => project(toGround(point))),
    project ? (p) => p : toGround,
  );
}

/** An area of interest, in pixels of any grid on the scene's reference system. */
interface Outline {
  readonly path: string;
  shapesOn(grid: Grid): BurnShape[];
}

async function readOutline(path: string, raster: GeoRaster): Promise<Outline> {
  requirePlace(raster.grid, raster.path);
  const { system, features } = await readPolygons(path);
  if (features.length === 0) throw new SegError(path, "holds no polygon", "give the area as polygons");
  const own = systemOf(raster);
  if (!own) throw noSystem(raster.path, "GeoJSON");
  const project = transformer(system, own, raster.path);
  const reach = project && reachOf(raster, own, system);
  const polygons = features
    .flatMap((feature) => feature.polygons)
    .map((rings) => (reach ? cut(rings, reach) : rings))
    .filter((rings) => rings.length > 0);
  return {
    path,
    shapesOn(grid) {
      const { toPixel } = requirePlace(grid, raster.path);
      const shapes = polygons.map((rings) =>
        burnShape(
          project ? densified(rings, (point) => toPixel(project(point))) : rings.map((ring) => ring.map(toPixel)),
          1,
        ),
      );
      if (shapes.some(({ box }) => !box.every(Number.isFinite)))
        throw new SegError(path, "has coordinates its reference system has no place for", "check its crs member");
      return shapes;
    },
  };
}

function outlineWindow({ path, shapesOn }: Outline, raster: GeoRaster): Window {
  const corners = shapesOn(raster.grid).flatMap(({ box: [left, top, right, bottom] }): Point[] => [
    [left, top],
    [right, bottom],
  ]);
  const own = systemOf(raster);
  return clipped(pixelsOf(boxOf(corners), raster), raster, path, ownBounds(raster, own, own));
}

function maskOf(shapes: readonly BurnShape[]): (window: Window) => WindowMask {
  return (window) => {
    const inside = burn(shapes, window);
    if (!inside.includes(1)) return "none";
    return inside.includes(0) ? inside : "all";
  };
}
