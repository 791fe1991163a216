/**
 * @file Windows of a scene made ready for the network: read, bands chosen, stretched, normalised. It knows no model, so that a thread can do it while the model
 * is at work on the window before.
 */
import { EXIT, SegError } from "../errors.js";
import type { TensorData } from "../graph/tensor.js";
import { sha256 } from "../files.js";
import { type Placement, type Preprocessing, selectBands, toInput } from "../preprocess.js";
import type { Axis, GeoRaster, ReadStats, RemoteTraffic, Window } from "../raster/index.js";
import { openScene, type SceneSource } from "./open.js";

/** Everything the work depends on: plain data. */
export interface ReaderPlan extends WindowPlan {
  readonly source: SceneSource;
  /** Of the file that was looked at first: another one is refused. */
  readonly identity: string;
}

/** The part that is about windows. */
export interface WindowPlan {
  readonly preprocessing: Preprocessing;
  readonly columns: Axis;
  readonly rows: Axis;
  /** Whether windows are to be named by their pixels, for the cache of features. */
  readonly hashed: boolean;
}

/** A window ready for the model. */
export interface PreparedWindow {
  readonly width: number;
  readonly height: number;
  /** Absent where nothing in the window holds data. */
  readonly input?: TensorData;
  readonly placement?: Placement;
  /** 0 where there is no data [height, width]; absent where all pixels hold some. */
  readonly valid?: Uint8Array;
  /** SHA-256 of the pixels as the network sees them. */
  readonly hash?: string;
}

/** What reading has cost so far, and what was fetched of a remote scene. */
export interface Reading extends ReadStats {
  readonly remote?: RemoteTraffic;
}

/** Reads a scene's windows. */
export interface SceneReader {
  /** Window n in reading order. */
  read(n: number): Promise<PreparedWindow>;
  reading(): Promise<Reading>;
  close(): Promise<void>;
}

/** A reader of an open scene, which it does not close. */
export function windowReader(
  scene: GeoRaster,
  { preprocessing, columns, rows, hashed }: WindowPlan,
): Pick<SceneReader, "read"> {
  const bands = [...new Set(preprocessing.bands)].sort((a, b) => a - b);
  const chosen = { ...preprocessing, bands: preprocessing.bands.map((band) => bands.indexOf(band)) };
  return {
    async read(n) {
      const window = windowAt(columns, rows, n);
      const { width, height } = window;
      if (!scene.mayHoldData(window)) return { width, height };
      const image = await scene.read(window, bands);
      if (image.valid && !image.valid.includes(1)) return { width, height };
      const { input, placement } = toInput(selectBands(image, chosen), chosen);
      return {
        width,
        height,
        input,
        placement,
        ...(image.valid && { valid: image.valid }),
        ...(hashed && { hash: hashOf(input) }),
      };
    },
  };
}

/** Window n in reading order. */
export function windowAt(columns: Axis, rows: Axis, n: number): Window {
  const [i, j] = [n % columns.starts.length, Math.floor(n / columns.starts.length)];
  const [x, y] = [columns.starts[i], rows.starts[j]];
  return { x, y, width: columns.ends[i] - x, height: rows.ends[j] - y };
}

const hashOf = ({ data, shape }: TensorData): string =>
  sha256(`${shape.join("x")} ${sha256(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))}`);

/** A reader of a scene that its caller closes. */
export const readerOn = (scene: GeoRaster, plan: WindowPlan): SceneReader => ({
  ...windowReader(scene, plan),
  reading: async () => readingOf(scene),
  close: async () => {},
});

function readingOf(scene: GeoRaster): Reading {
  const remote = scene.traffic?.();
  return { ...scene.stats(), ...(remote && { remote }) };
}

/** The scene, if it is still the file that was looked at. */
async function openSame({ source, identity, preprocessing }: ReaderPlan): Promise<GeoRaster> {
  const scene = await openScene(source, preprocessing);
  if (scene.identity === identity) return scene;
  await scene.close();
  throw new SegError(scene.path, "is another file than a moment ago", "run again", EXIT.guard);
}

/** A reader that opens the scene itself. */
export function sceneReader(plan: ReaderPlan): SceneReader {
  let opened: Promise<GeoRaster> | undefined;
  const scene = () =>
    (opened ??= openSame(plan).catch((error) => {
      opened = undefined; // the next window tries again
      throw error;
    }));
  return {
    read: async (n) => windowReader(await scene(), plan).read(n),
    reading: async () => readingOf(await scene()),
    async close() {
      const raster = await opened?.catch(() => undefined); // whoever read from it heard of it
      await raster?.close();
    },
  };
}
