/**
 * @file A class raster's regions and their rings, in two passes over its rows (three with a sieve): components; borders of small ones; arcs. In memory
 * are some rows, one stripe's arcs, a record a component, and the arcs of regions the sweep is in.
 */
import { silent, type Talk } from "../talk.js";
import { type Borders, countBorders } from "./borders.js";
import { classRows, type ClassSource } from "./class-rows.js";
import { collectArcs, type RegionArcs } from "./collect.js";
import { type CellArea, type Components, findComponents } from "./components.js";
import { replayRegions } from "./regions.js";
import type { RegionRings } from "./rings.js";
import type { ScratchFile } from "./scratch.js";
import { sieve } from "./sieve.js";
import { simplifyArcs } from "./simplify.js";
import { type Arc, traceArcs } from "./trace.js";

/** Pixels and rows of a stripe: arcs end with it. */
const STRIPE_PIXELS = 2 ** 21;
/** Arcs after which a stripe ends before its time: of noise, where each pixel has two, some 100 MB. */
const STRIPE_ARCS = 2 ** 18;
const STRIPE_ROWS = { least: 64, most: 1024 };

/** What is made of a class raster. */
export interface PolygoniseOptions {
  /** Confidence of rows y .. y + rows of the raster, negative where there is none. */
  readonly confidence?: (y: number, rows: number) => Promise<Float32Array | undefined>;
  /** Square metres of a pixel of a row, where rows differ, or of each of its pixels. */
  readonly cellArea?: (row: number) => CellArea;
  /** Components below it join a neighbour; in pixels, or in what `cellArea` counts in. */
  readonly minArea?: number;
  readonly minAreaIn?: "pixels" | "cellArea";
  /** Details below so many pixels are dropped; 0 keeps every corner. */
  readonly simplify?: number;
  /** Classes that are wanted; default all. */
  readonly wanted?: (classId: number) => boolean;
  /** Where points of arcs go when they are many. */
  readonly scratch: ScratchFile;
  readonly talk?: Talk;
  /** Numbers of arcs' points held in memory before they go there; default 64 MB of them. */
  readonly heldNumbers?: number;
  /** Rows of a stripe; default by the raster's width. */
  readonly stripeRows?: number;
  /** Arcs after which a stripe ends; default as many as some 100 MB hold. */
  readonly stripeArcs?: number;
}

/** A 4-connected region of one class. */
export interface Region {
  readonly classId: number;
  readonly pixels: number;
  /** Sum of `cellArea` over its pixels. */
  readonly area?: number;
  /** Mean over the pixels that have one. */
  readonly confidence?: number;
  readonly rings: RegionRings;
}

/** Regions of a raster, in the order of their last rows, then of their first pixels. */
export async function* polygonise(source: ClassSource, options: PolygoniseOptions): AsyncGenerator<Region> {
  const components = await readComponents(source, options);
  if (options.minArea !== undefined && options.minArea > 0) await applySieve(source, components, options);
  const { classes, root, pixels, area, confidence, confident } = components;
  const wanted = (region: number) => options.wanted?.(classes[region]) ?? true;
  const arcs = collectArcs(source.width, components.lastRow, wanted, options.scratch, options.heldNumbers);
  for await (const row of sweep(source, root, arcs, options)) {
    for (const { region, rings } of arcs.leave(row)) {
      yield {
        ...{ classId: classes[region], pixels: pixels[region], rings },
        ...(options.cellArea && { area: area[region] }),
        ...(confident[region] > 0 && { confidence: confidence[region] / confident[region] }),
      };
    }
  }
}

async function readComponents(source: ClassSource, { confidence, cellArea, talk = silent }: PolygoniseOptions) {
  const { width, height } = source;
  const finder = findComponents(width);
  const bar = talk.progress("regions", height);
  try {
    for await (const { y, rows, values } of classRows(source)) {
      const sure = await confidence?.(y, rows);
      for (let k = 0; k < rows; k++) {
        const part = [k * width, (k + 1) * width] as const;
        finder.add(values.subarray(...part), cellArea?.(y + k), sure?.subarray(...part));
      }
      bar.add(rows);
      await talk.breathe();
    }
  } finally {
    bar.end();
  }
  return finder.finish();
}

async function applySieve(source: ClassSource, components: Components, options: PolygoniseOptions): Promise<void> {
  const { minArea = 0, minAreaIn = "pixels", talk = silent } = options;
  const sizes = minAreaIn === "pixels" ? components.pixels : components.area;
  const borders = await readBorders(source, components, (component) => sizes[component] < minArea, talk);
  await sieve(components, borders, sizes.slice(0, components.count + 1), minArea, talk);
}

async function readBorders(
  source: ClassSource,
  { root, count }: Components,
  small: (component: number) => boolean,
  talk: Talk,
): Promise<Borders> {
  const replay = replayRegions(source.width, root);
  const counter = countBorders(source.width, small);
  const bar = talk.progress("sieve", source.height);
  try {
    for await (const { rows, values } of classRows(source)) {
      for (let k = 0; k < rows; k++) counter.add(replay(values.subarray(k * source.width, (k + 1) * source.width)));
      bar.add(rows);
      await talk.breathe();
    }
  } finally {
    bar.end();
  }
  return counter.finish(count);
}

/** Traces all lines; after each stripe its arcs are simplified and collected, and the line it ended with is given. */
async function* sweep(
  source: ClassSource,
  root: Uint32Array,
  arcs: RegionArcs,
  { simplify = 0, talk = silent, stripeRows = rowsOfStripe(source.width), stripeArcs = STRIPE_ARCS }: PolygoniseOptions,
): AsyncGenerator<number> {
  const { width, height } = source;
  const replay = replayRegions(width, root);
  let stripe: Arc[] = [];
  const tracer = traceArcs(width, (arc) => stripe.push(arc));
  const above = new Uint32Array(width);
  let top = 0;
  const endStripe = (bottom: number) => {
    simplifyArcs(stripe, simplify, { top, bottom, width, height });
    for (const arc of stripe) arcs.add(arc);
    stripe = [];
    top = bottom;
  };
  const bar = talk.progress("outlines", height);
  try {
    for await (const { y, rows, values } of classRows(source)) {
      for (let k = 0; k < rows; k++) {
        const row = replay(values.subarray(k * width, (k + 1) * width));
        const isLast = y + k > top && (y + k - top >= stripeRows || stripe.length > stripeArcs);
        tracer.line(y + k, above, row, isLast);
        above.set(row);
        if (!isLast) continue;
        endStripe(y + k);
        yield y + k;
      }
      bar.add(rows);
      await talk.breathe();
    }
    tracer.line(height, above, new Uint32Array(width), true);
    endStripe(height);
    yield height;
  } finally {
    bar.end();
  }
}

function rowsOfStripe(width: number): number {
  return Math.min(STRIPE_ROWS.most, Math.max(STRIPE_ROWS.least, Math.floor(STRIPE_PIXELS / width)));
}
