/**
 * @file What happens to a window's scores after the model: blended with its neighbours, turned into classes and bands, compressed into the spools of the
 * outputs, and row by row committed to the journal. It knows no model, so that a thread can do it beside one.
 */
import { join } from "node:path";
import { type CogOptions, type CogSpool, type CogSummary, openCogSpool, type SpoolCommit } from "../cog/index.js";
import { IGNORE } from "../contract.js";
import { placeBack, toProbabilities } from "../postprocess.js";
import type { Placement } from "../preprocess.js";
import { type Axis, axisWeights, type BlendMode, type Window } from "../raster/index.js";
import { type ProbabilityBand, squaresOf, type WrittenBands, writtenBands } from "./bands.js";
import { type BlendPlan, createBlender, finalExtent, type Plane } from "./blend.js";
import { type CarryStore, openCarry } from "./carry.js";
import { type Failure, hideFailures } from "./failures.js";
import { seamMeter } from "./seam.js";
import { appendJournal } from "./work.js";

/** Bytes of carried strips beyond which they go through a file. */
const CARRY_IN_MEMORY = 2 ** 27;

/** Everything the work depends on: plain data. */
export interface SinkPlan {
  readonly folder: string;
  readonly columns: Axis;
  readonly rows: Axis;
  readonly classes: number;
  readonly blend: BlendMode;
  readonly margin: number;
  readonly bands: readonly ProbabilityBand[];
  readonly classMap: CogOptions;
  /** Present when there are bands. */
  readonly probabilityMap?: CogOptions;
  /** What each spool holds already, a commit a finished row. */
  readonly commits: readonly (readonly SpoolCommit[])[];
  readonly carryInMemory?: number;
}

/** What became of a window. */
export interface WindowScores {
  readonly column: number;
  readonly row: number;
  /** [channels, paddedHeight, paddedWidth]; absent where the window holds no data, or failed. */
  readonly scores?: {
    readonly data: Float32Array;
    readonly channels: number;
    readonly placement: Placement;
    /** Probabilities already, on the window's own pixels; else logits. */
    readonly isProbability: boolean;
    /** Times the window's weights already. */
    readonly isWeighted?: boolean;
  };
  /** 0 where there is no data [height, width]. */
  readonly valid?: Uint8Array;
  /** It could not be computed, and shall be marked; `wasRead`: where it holds no data is known. */
  readonly failed?: boolean;
  readonly wasRead?: boolean;
}

/** Counts of a row that only the caller knows. */
export interface RowReport {
  readonly row: number;
  readonly skipped: number;
  readonly failed: readonly number[];
  readonly seconds: number;
}

/** Takes the windows of a scene and makes its outputs. */
export interface SceneSink {
  /** Opens or continues the spools; the first row of pixels that has to be written again. */
  open(): Promise<number>;
  /** Takes a window in reading order; its buffers are given away. */
  add(window: WindowScores): Promise<void>;
  /** The row's windows are all there: what is complete becomes safe. */
  endRow(report: RowReport): Promise<void>;
  /** Writes the outputs, whole or not at all; `metadata`: further items of the class map. */
  finish(classMap: string, probabilityMap?: string, metadata?: Readonly<Record<string, string>>): Promise<CogSummary>;
  close(): Promise<void>;
}

/** A sink whose calls are worked on one after another. */
export function sceneSink(plan: SinkPlan): SceneSink {
  const state = { spools: [] as CogSpool[], carry: undefined as CarryStore | undefined };
  let work: ReturnType<typeof windowWork> | undefined;
  const ready = () => {
    if (!work) throw new Error("internal: the sink is not open");
    return work;
  };
  return {
    async open() {
      for (const [i, name] of ["classes", "probabilities"].entries()) {
        const options = [plan.classMap, plan.probabilityMap][i];
        if (options) state.spools.push(await openCogSpool(join(plan.folder, name), options, plan.commits[i]));
      }
      state.carry = carryFor(plan);
      work = windowWork(plan, state.spools, state.carry);
      return Math.min(...state.spools.map(({ firstOpenRow }) => firstOpenRow));
    },
    add: (window) => ready().add(window),
    endRow: (report) => ready().endRow(report),
    async finish(classMap, probabilityMap, metadata) {
      if (probabilityMap) await state.spools[1].finish(probabilityMap);
      return state.spools[0].finish(classMap, { metadata }); // last: it says that all is there
    },
    async close() {
      for (const spool of state.spools) await spool.close();
      await state.carry?.close();
    },
  };
}

function carryFor({ columns, rows, classes, bands, folder, carryInMemory = CARRY_IN_MEMORY }: SinkPlan): CarryStore {
  const planes = classes + (bands.includes("disagreement") ? 1 : 0);
  const overlap = Math.max(0, ...rows.starts.slice(1).map((start, i) => rows.ends[i] - start));
  return openCarry({ folder, pieceBytes: 4 * planes * overlap * columns.size }, carryInMemory);
}

function windowWork(plan: SinkPlan, spools: readonly CogSpool[], carry: CarryStore) {
  const { columns, rows, blend, margin } = plan;
  const hasSquares = plan.bands.includes("disagreement");
  const weights = { columnWeights: axisWeights(columns, blend, margin), rowWeights: axisWeights(rows, blend, margin) };
  const blendPlan: BlendPlan = { columns, rows, ...weights };
  const blender = createBlender(blendPlan, carry);
  const meter = seamMeter(columns, rows, blend);
  const committed = plan.commits[0]?.length ?? 0;
  const failures: Failure[] = [];
  return {
    async add(window: WindowScores): Promise<void> {
      const { column, row } = window;
      const size = { width: columns.ends[column] - columns.starts[column], height: rows.ends[row] - rows.starts[row] };
      if (window.failed) failures.push({ column, row });
      const planes = planesOf(window, size, plan.classes, hasSquares);
      const block = await blender.add(column, row, planes, window.scores?.isWeighted);
      const extent = finalExtent(blendPlan, column, row);
      const known = window.failed && !window.wasRead ? new Uint8Array(size.width * extent.height) : window.valid;
      const valid = hideFailures(failures, blendPlan, extent, known, size.width);
      const blended = block?.planes.slice(0, plan.classes);
      meter.add(column, block && blended && { ...block, planes: blended }, valid, size.width);
      const squares = hasSquares ? block?.planes[plan.classes] : undefined;
      const written = blended
        ? writtenBands({ ...extent, planes: blended }, plan.bands, { valid, validStride: size.width, squares })
        : nothing(extent, plan.probabilityMap?.bands);
      await writeBlock(spools, extent, written);
    },
    async endRow({ row, ...report }: RowReport): Promise<void> {
      const seam = meter.takeRow();
      if (row < committed) return; // only the carry was made again
      const commits: SpoolCommit[] = [];
      for (const spool of spools) commits.push(await spool.commit());
      await appendJournal(plan.folder, { row, spools: commits, seam, ...report });
    },
  };
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** Probabilities of a window a class, and the sum of their squares; zeros where it failed, nothing where it holds no data. */
function planesOf(
  window: WindowScores,
  { width, height }: Size,
  classes: number,
  squares: boolean,
): Plane[] | undefined {
  const planes = window.failed ? zeros(classes, width * height, width) : probabilitiesOf(window, width, height);
  if (planes && squares) planes.push(squaresOf(planes, width, height));
  return planes;
}

const zeros = (count: number, length: number, stride: number): Plane[] =>
  Array.from({ length: count }, () => ({ data: new Float32Array(length), stride }));

function probabilitiesOf({ scores }: WindowScores, width: number, height: number): Plane[] | undefined {
  if (!scores) return undefined;
  const { data, channels, placement, isProbability } = scores;
  if (isProbability)
    return planesWithin(data, channels, placement.paddedWidth * placement.paddedHeight, placement.paddedWidth);
  const found = toProbabilities(placeBack(data, channels, placement, width, height));
  return planesWithin(found.data, found.classes, width * height, width);
}

const planesWithin = (data: Float32Array, count: number, size: number, stride: number): Plane[] =>
  Array.from({ length: count }, (_, c) => ({ data: data.subarray(c * size, (c + 1) * size), stride }));

function nothing({ width, height }: Window, bands = 0): WrittenBands {
  const classes = new Uint8Array(width * height).fill(IGNORE);
  return bands ? { classes, probabilities: new Uint8Array(width * height * bands).fill(IGNORE) } : { classes };
}

async function writeBlock(
  spools: readonly CogSpool[],
  at: Window,
  { classes, probabilities }: WrittenBands,
): Promise<void> {
  await spools[0].write(at.x, at.y, at.width, at.height, classes);
  if (probabilities) await spools[1].write(at.x, at.y, at.width, at.height, probabilities);
}
