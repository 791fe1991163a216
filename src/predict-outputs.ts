/**
 * @file Where predictions go, and what an output was made from: every output carries a key of its input, model and parameters,
 * so that a repeated call knows what is complete.
 */
import { existsSync, readdirSync, realpathSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { SegError } from "./errors.js";
import { makeFolder, sha256, sha256File } from "./files.js";
import { fileNameOf, isUrl } from "./raster/index.js";
import { besideMap } from "./scene/outputs.js";

/** Whether a file is mapped as a scene, to a GeoTIFF on its own grid; what is read from a URL always is. */
export const isScene = (path: string): boolean => isUrl(path) || /\.tiff?$/i.test(path);

const INPUT = /\.(jpe?g|png|webp|gif|avif|tiff?)$/i;
const suffixOf = (input: string) => (isScene(input) ? ".tif" : ".png");
const isFolder = (path: string) => existsSync(path) && statSync(path).isDirectory();

/** The overlay written beside a class PNG. */
export const overlayOf = (output: string): string => output.replace(/\.png$/i, "-overlay.png");

/** All that is written for an output. */
export const filesOf = (output: string): string[] =>
  isScene(output) ? [output, ...besideMap(output)] : [output, overlayOf(output)];

/** The inputs with folders replaced by the images in them, by name. */
export function expandInputs(inputs: readonly string[]): string[] {
  return inputs.flatMap((input) => {
    if (!isFolder(input)) return [input];
    const files = readdirSync(input).filter((name) => INPUT.test(name) && !name.startsWith("."));
    if (files.length === 0) throw new SegError(input, "holds no image", "give a folder of photos or GeoTIFFs");
    return files.sort().map((name) => join(input, name));
  });
}

/** Output of each input; two inputs never share one, overlays included. */
export function planOutputs(inputs: readonly string[], out: string): string[] {
  if (inputs.length === 1 && /\.(png|tiff?)$/i.test(out) && !isFolder(out)) {
    if (isScene(inputs[0]) === isScene(out)) return [out];
    const reason = `a ${suffixOf(inputs[0])} is written for ${inputs[0]}`;
    throw new SegError(`--out ${out}`, reason, "name it so, or give a folder");
  }
  const outputs = inputs.map((input) => join(out, nameOf(input) + suffixOf(input)));
  const all = outputs.flatMap(filesOf);
  const twice = all.find((path, i) => all.indexOf(path) !== i);
  if (twice) throw new SegError(twice, "two inputs would be written to it", "predict them into different folders");
  return outputs;
}

/** A file's or URL's own name without its suffix. */
function nameOf(input: string): string {
  const name = isUrl(input) ? fileNameOf(input) : basename(input);
  return basename(name, extname(name)) || "scene";
}

/** SHA-256 over an input's bytes and everything else its output depends on. */
export async function keyOf(input: string, parameters: Readonly<Record<string, unknown>>): Promise<string> {
  const content = await sha256File(input).catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === "ENOENT" ? "does not exist" : `cannot be read (${cause.code})`;
    throw new SegError(input, reason, "check the path", undefined, { cause });
  });
  return `sam-seg:${sha256(JSON.stringify({ ...parameters, input: content }))}`;
}

/**
 * Makes the output's folder and tells whether the output is complete already. Rejects where it is the input itself, or
 * was made from something else and may not be replaced.
 */
export async function isComplete(input: string, output: string, key: string, force: boolean): Promise<boolean> {
  await makeFolder(dirname(output));
  const files = isScene(output) ? [output] : [output, overlayOf(output)];
  for (const file of files) refuseInput(input, file);
  const isOurs = existsSync(output) && (await holdsKey(output, key)); // written last, so what lies beside it is ours, too
  if (isOurs) return files.every((file) => existsSync(file));
  for (const file of files) if (!force && existsSync(file)) await refuseOther(file, key);
  return false;
}

/** Rejects an output that is the input itself. */
export function refuseInput(input: string, file: string): void {
  if (!existsSync(file) || !existsSync(input) || realpathSync(file) !== realpathSync(input)) return;
  throw new SegError(file, "is the input itself, which would be lost", "give a folder of its own with --out");
}

async function refuseOther(file: string, key: string): Promise<void> {
  if (await holdsKey(file, key)) return;
  const remedy = "choose another --out, or replace it with --force";
  throw new SegError(file, "exists and was made from something else", remedy);
}

/** The key stands in the first or last 64 KiB of our files. */
async function holdsKey(path: string, key: string): Promise<boolean> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    for (const start of [0, Math.max(0, size - 65536)]) {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(65536), 0, 65536, start);
      if (buffer.subarray(0, bytesRead).includes(key)) return true;
    }
    return false;
  } finally {
    await file.close();
  }
}
