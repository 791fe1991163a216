/** @file `--plugin FILE`: a module that registers encoders, decoders, datasets or losses made outside the package. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import * as catalog from "../catalog.js";
import { errorLine, SegError } from "../errors.js";

/** Loads plugins; each exports a default function that is given the four registries. */
export async function loadPlugins(files: unknown): Promise<void> {
  for (const file of [files ?? []].flat().map(String)) await loadPlugin(file);
}

async function loadPlugin(file: string): Promise<void> {
  if (!existsSync(file)) throw new SegError(`--plugin ${file}`, "does not exist", "check the path");
  const register = await importDefault(file);
  if (typeof register !== "function") {
    throw new SegError(
      `--plugin ${file}`,
      "has no default export that is a function",
      "export default ({ encoders }) => encoders.register(name, part)",
    );
  }
  await (register as (registries: typeof catalog) => unknown)(catalog);
}

async function importDefault(file: string): Promise<unknown> {
  try {
    return ((await import(pathToFileURL(resolve(file)).href)) as { default?: unknown }).default;
  } catch (error) {
    throw new SegError(`--plugin ${file}`, `cannot be loaded (${errorLine(error)})`, "mend the file", 2, {
      cause: error,
    });
  }
}
