/**
 * @file The embedding cache of a frozen encoder: one safetensors file an image and view, named by everything the values
 * depend on (image content, weights, preprocessing, view, features, software that computed them).
 */
import { existsSync } from "node:fs";
import { mkdir, statfs } from "node:fs/promises";
import { join } from "node:path";
import { SegError } from "../errors.js";
import { makeFolder, sha256 } from "../files.js";
import { sizeOf, type TensorData } from "../graph/tensor.js";
import type { Model } from "../model.js";
import type { Preprocessing } from "../preprocess.js";
import { CHECKSUMS } from "../weights/checksums.js";
import { damaged } from "../weights/reading.js";
import { openSafetensors, writeSafetensors } from "../weights/safetensors.js";

/** Raised whenever preprocessing or the encoder's arithmetic changes what an embedding is. */
const VERSION = 1;

/** What one file's values depend on. */
export interface EmbeddingKey {
  readonly image: string;
  readonly weights: string;
  readonly encoder: string;
  readonly preprocessing: Preprocessing;
  readonly view: number;
  readonly features: readonly string[];
  readonly engine: string;
}

export interface EmbeddingCache {
  readonly folder: string;
  /** File a key's maps are kept in. */
  pathOf(key: EmbeddingKey): string;
  has(key: EmbeddingKey): boolean;
  /** The maps in the key's order; undefined when absent or damaged (`warn` says so). */
  read(key: EmbeddingKey): Promise<TensorData[] | undefined>;
  write(key: EmbeddingKey, maps: readonly TensorData[]): Promise<void>;
}

/** A cache in a folder, which is made when needed; processes may share it. */
export function embeddingCache(folder: string, warn: (line: string) => void): EmbeddingCache {
  const pathOf = (key: EmbeddingKey) => {
    const name = sha256(JSON.stringify({ VERSION, ...key }));
    return join(folder, name.slice(0, 2), `${name}.safetensors`);
  };
  return {
    folder,
    pathOf,
    has: (key) => existsSync(pathOf(key)),
    async read(key) {
      const path = pathOf(key);
      if (!existsSync(path)) return undefined;
      try {
        return await readMaps(path, key.features);
      } catch (error) {
        if (!(error instanceof SegError)) throw error;
        warn(`${error.message} (the embedding is computed again)`);
        return undefined;
      }
    },
    async write(key, maps) {
      const path = pathOf(key);
      await mkdir(join(path, ".."), { recursive: true });
      await writeSafetensors(
        path,
        key.features.map((name, i) => [name, maps[i]] as const),
        {},
      );
    },
  };
}

async function readMaps(path: string, features: readonly string[]): Promise<TensorData[]> {
  const file = await openSafetensors(path);
  try {
    if (file.metadata[CHECKSUMS] === undefined) throw damaged(path, "has lost its checksums");
    const maps: TensorData[] = [];
    for (const name of features) maps.push(await file.read(name));
    return maps;
  } finally {
    await file.close();
  }
}

/** Bytes the maps of one image of `side` pixels take on disk. */
export function embeddingBytes({ cachedShapes }: Pick<Model, "cachedShapes">, side: number): number {
  return cachedShapes(side, side).reduce((sum, shape) => sum + 4 * sizeOf(shape), 0);
}

/** Bytes free in a folder, which is made when needed. */
export async function roomIn(folder: string): Promise<number> {
  await makeFolder(folder);
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** A size on disk as people read it. */
export const inWords = (bytes: number): string =>
  bytes < 2 ** 30 ? `${Math.ceil(bytes / 2 ** 20)} MB` : `${(bytes / 2 ** 30).toFixed(1)} GB`;

/** SHA-256 over names and values of weights: the identity of an encoder. */
export function weightsDigest(state: ReadonlyMap<string, TensorData>): string {
  const digests = [...state.keys()].sort().map((name) => {
    const { data, shape } = state.get(name) as TensorData;
    return `${name} ${shape.join("x")} ${sha256(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))}`;
  });
  return sha256(digests.join("\n"));
}
