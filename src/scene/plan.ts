/** @file What is made of a scene: what the user asked for, its windows, and how they are read. */
import { availableParallelism } from "node:os";
import type { OpenModel } from "../open-model.js";
import type { Axis, GeoRaster } from "../raster/index.js";
import type { ProbabilityBand } from "./bands.js";
import type { SceneSource } from "./open.js";
import { axesOf, settleWindows, type WindowOptions, type Windows } from "./options.js";
import type { ReaderPlan } from "./reader.js";

/** What may be asked for of a scene. */
export interface SceneOptions extends WindowOptions {
  readonly source: Omit<SceneSource, "path">;
  /** Bands of the map of probabilities; none: no such map. */
  readonly bands?: readonly ProbabilityBand[];
  /** A window that fails for good stops the run (default) or becomes no data. */
  readonly onError?: "fail" | "nodata";
  /** Discards what an earlier run left unfinished. */
  readonly restart?: boolean;
  /** Folder of the encoder's maps, for other decoders. */
  readonly cacheFeatures?: string;
  /** Replaces outputs of other inputs or parameters. */
  readonly force?: boolean;
  /** Whether reading and writing get threads beside the model; default: from a few windows on, where there is more than one core. */
  readonly inThreads?: boolean;
  /** Bytes of strips between rows of windows that are held in memory; beyond it they go through a file. */
  readonly carryInMemory?: number;
}

/** Windows a thread pays for its start with. */
const WORTH_THREADS = 4;

/** A scene, its windows and what is made of them. */
export interface ScenePlan {
  readonly scene: GeoRaster;
  readonly source: SceneSource;
  readonly windows: Windows;
  readonly columns: Axis;
  readonly rows: Axis;
  readonly bands: readonly ProbabilityBand[];
  readonly reading: ReaderPlan;
  readonly inThreads: boolean;
}

/** The plan for an open scene. Throws SegError for windows that do not do. */
export function planScene(open: OpenModel, scene: GeoRaster, source: SceneSource, options: SceneOptions): ScenePlan {
  const windows = settleWindows(open.card, options);
  const axes = axesOf(scene.width, scene.height, windows);
  const { preprocessing } = open.card;
  const { identity } = scene;
  const reading = { source, identity, preprocessing, ...axes, hashed: options.cacheFeatures !== undefined };
  const count = axes.columns.starts.length * axes.rows.starts.length;
  const inThreads = options.inThreads ?? (count >= WORTH_THREADS && availableParallelism() > 1);
  return { scene, source, windows, ...axes, bands: options.bands ?? [], reading, inThreads };
}
