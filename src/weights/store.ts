/** @file The weights on this machine: found, imported, fetched, listed, verified. Nothing is downloaded but by `pullWeights`. */
import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { basename, extname, resolve } from "node:path";
import { encoders } from "../catalog.js";
import type { PublishedWeights } from "../contract.js";
import { SegError } from "../errors.js";
import { sha256File } from "../files.js";
import * as g from "../graph/functions.js";
import type { Shape } from "../graph/tensor.js";
import { recordScope } from "../scope.js";
import { downloadFromHub } from "./hub.js";
import { findCached, hashOfCached } from "./hub-cache.js";
import { addImported, everyImported, findImported } from "./imports.js";
import { choosePublished, knownWeights, statedHash } from "./known.js";
import { checkFits } from "./load.js";
import { openWeights } from "./open.js";

/** Weights of an encoder, on this machine or not. */
export interface StoredWeights {
  readonly encoder: string;
  readonly name: string;
  readonly origin: "hub" | "imported";
  /** Undefined: published, but not here. */
  readonly path?: string;
  readonly bytes?: number;
  /** What the file must hash to, where that is known: SHA-256, or git's SHA-1 of 40 digits. */
  readonly hash?: string;
  readonly licence?: string;
  readonly source: string;
}

/**
 * The file `wanted` means: a path, a name of published or imported weights, or (undefined) the encoder's first ones. Undefined: not on this machine.
 * Rejects with SegError for a path that does not exist and a name nobody knows.
 */
export async function findWeights(
  encoder: string,
  published: readonly PublishedWeights[],
  wanted: string | undefined,
): Promise<string | undefined> {
  if (wanted !== undefined && looksLikePath(wanted)) {
    if (!existsSync(wanted)) throw new SegError(wanted, "does not exist", "check the path");
    return resolve(wanted);
  }
  const name = wanted ?? published[0]?.name;
  const imported = name === undefined ? undefined : await findImported(encoder, name);
  if (imported) return imported.path;
  const entry = choosePublished(encoder, published, wanted);
  return entry ? findCached(entry.repository, entry.file) : undefined;
}

/** A published name is a bare word; anything that exists, has a slash or ends like a file is a path. */
const looksLikePath = (wanted: string): boolean =>
  /[/\\]|\.(safetensors|pth|pt|ckpt|bin)$/.test(wanted) || (existsSync(wanted) && extname(wanted) !== "");

/** Copies a file that fits the encoder into the store. Resolves to its path there; rejects with SegError where it does not fit or is not what its name says. */
export async function importWeights(file: string, encoder: string, name?: string): Promise<string> {
  const { weights } = encoders.get(encoder);
  await checkEncoderFile(file, encoder);
  const sha256 = await sha256File(file);
  const stated = statedHash(file);
  if (stated !== undefined && sha256 !== stated) {
    throw new SegError(file, `its SHA-256 is ${sha256}, that of the published file is ${stated}`, "get the file again");
  }
  const own = name ?? weights[0]?.name ?? basename(file, extname(file));
  const before = await findImported(encoder, own);
  if (before && before.sha256 !== sha256) {
    throw new SegError(
      `--name ${own}`,
      `other weights of ${encoder} were imported under this name`,
      "choose another name",
    );
  }
  if (before && existsSync(before.path)) return before.path;
  return addImported(file, { encoder, name: own, sha256, bytes: (await stat(file)).size });
}

/** Fetches published weights from the hub and checks that they fit. Resolves to their path in the cache. */
export async function pullWeights(
  encoder: string,
  name?: string,
  onProgress?: (done: number, total: number) => void,
): Promise<string> {
  const entry = choosePublished(encoder, encoders.get(encoder).weights, name);
  if (!entry) throw new SegError(encoder, "has no published weights", "train it, or import a file of your own");
  const { repository, file, sha256, bytes } = entry;
  const path = await downloadFromHub({ repository, file, sha256, bytes, onProgress });
  await checkEncoderFile(path, encoder);
  return path;
}

/** Every published entry and every imported file. */
export async function listWeights(): Promise<StoredWeights[]> {
  const published = knownWeights().map(
    async ({ encoder, name, repository, file, licence, source, sha256, bytes: stated }): Promise<StoredWeights> => {
      const path = await findCached(repository, file);
      const hash = sha256 ?? (path && (await hashOfCached(path)));
      const bytes = path ? (await stat(path)).size : stated;
      return {
        encoder,
        name,
        origin: "hub",
        licence,
        source,
        ...(path ? { path } : {}),
        ...(bytes === undefined ? {} : { bytes }),
        ...(hash ? { hash } : {}),
      };
    },
  );
  const imported = (await everyImported()).map(({ encoder, name, path, bytes, sha256, source }): StoredWeights => {
    return { encoder, name, origin: "imported", source, bytes, hash: sha256, ...(existsSync(path) ? { path } : {}) };
  });
  return [...(await Promise.all(published)), ...imported];
}

export interface Verified extends StoredWeights {
  readonly path: string;
  /** Undefined: nothing says what the file must hash to. */
  readonly isRight: boolean | undefined;
}

/** Hashes the files that are here again, all or those of a name (of weights or of an encoder). */
export async function verifyWeights(name?: string): Promise<Verified[]> {
  const checked: Verified[] = [];
  for (const entry of await listWeights()) {
    const { path, hash } = entry;
    if (path === undefined || (name !== undefined && name !== entry.name && name !== entry.encoder)) continue;
    checked.push({ ...entry, path, isRight: hash === undefined ? undefined : (await hashLike(path, hash)) === hash });
  }
  return checked;
}

/** The file's hash of the kind the known one is. */
async function hashLike(path: string, known: string): Promise<string> {
  if (known.length === 64) return sha256File(path);
  const hash = createHash("sha1").update(`blob ${(await stat(await realpath(path))).size}\0`);
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest("hex");
}

async function checkEncoderFile(path: string, encoder: string): Promise<void> {
  const { renameKey, adapt } = encoders.get(encoder);
  const file = await openWeights(path);
  try {
    await checkFits(encoderShapes(encoder), file, { rename: renameKey, adapt });
  } finally {
    await file.close();
  }
}

/** Names and shapes of an encoder's parameters and buffers, found by tracing it once. */
export function encoderShapes(name: string): Map<string, Shape> {
  const { input, forward } = encoders.get(name);
  const side = input.size ?? 2 * input.multipleOf;
  const { scope, slots } = recordScope({ training: false });
  forward(scope, g.input("image", [1, input.bands, side, side]));
  return new Map([...slots].map(([slot, { tensor }]) => [slot, tensor.shape]));
}
