/**
 * @file `--plugin FILE`: a module that registers encoders, decoders, datasets or losses made outside the package. It may import "sam-seg", which is
 * then this very installation, wherever the file lies: parts of another copy would be registered where nobody looks.
 */
import { existsSync } from "node:fs";
import { register } from "node:module";
import { resolve } from "node:path";
import * as catalog from "../catalog.js";
import { errorLine, SegError } from "../errors.js";
import { importDefault } from "../experiment.js";

/** What a plugin's default function is given. */
export type PluginApi = typeof import("../index.js");

const loaded = new Map<string, Promise<void>>();

/** Loads plugins, each once. Rejects with SegError for a file that is not there, cannot be loaded or registers nothing. */
export async function loadPlugins(files: unknown): Promise<void> {
  for (const file of [files ?? []].flat().map(String)) {
    const path = resolve(file);
    const work = loaded.get(path) ?? loadPlugin(file);
    loaded.set(path, work);
    await work;
  }
}

async function loadPlugin(file: string): Promise<void> {
  if (!existsSync(file)) throw new SegError(`--plugin ${file}`, "does not exist", "check the path");
  if (loaded.size === 0) resolveToThisPackage();
  const before = countParts();
  const given = await load(file);
  if (typeof given === "function") await (given as (api: PluginApi) => unknown)(await import("../index.js"));
  if (countParts() > before) return;
  throw new SegError(
    `--plugin ${file}`,
    "registers nothing",
    "export default ({ encoders }) => encoders.register(name, part)",
  );
}

const countParts = (): number =>
  [catalog.encoders, catalog.decoders, catalog.datasets, catalog.losses].reduce(
    (sum, registry) => sum + registry.names().length,
    0,
  );

async function load(file: string): Promise<unknown> {
  try {
    return await importDefault(file);
  } catch (error) {
    throw new SegError(`--plugin ${file}`, `cannot be loaded (${errorLine(error)})`, "mend the file", 2, {
      cause: error,
    });
  }
}

/** Makes `import "sam-seg"` mean this installation, for every module loaded from now on. */
function resolveToThisPackage(): void {
  const url = new URL(import.meta.url.endsWith(".ts") ? "../index.ts" : "../index.js", import.meta.url).href;
  const hook = `export const resolve = (specifier, context, next) =>
    next(specifier === "sam-seg" ? ${JSON.stringify(url)} : specifier, context);`;
  register(`data:text/javascript,${encodeURIComponent(hook)}`);
}
