/** @file What NAME.summary.json, which `seg predict` writes beside a map, says for a view of it: its input, shares of classes, figures. */
import { existsSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import { z } from "zod";
import { errorLine } from "../errors.js";
import { readJson } from "../files.js";
import { isUrl } from "../raster/index.js";

const MOST_FIGURES = 60;

const shape = z.looseObject({
  input: z.looseObject({ path: z.string() }).optional(),
  classes: z.array(z.looseObject({ name: z.string(), pixels: z.number(), share: z.number() }).partial()).optional(),
});

/** The parts of a summary a view shows. */
export interface MapSummary {
  /** The scene the map was made of: a path as it can be opened from here, or an address. */
  readonly input?: string;
  /** Share of the pixels with data, 0..1, by class name. */
  readonly shares: ReadonlyMap<string, number>;
  /** Numbers, named by where they stand. */
  readonly figures: readonly (readonly [string, number])[];
}

/** The summary beside a map; empty where there is none, or none that can be read, and `warn` hears of the latter. */
export async function readSummary(mapPath: string, warn: (line: string) => void): Promise<MapSummary> {
  const path = `${mapPath}.summary.json`;
  const none = { shares: new Map(), figures: [] };
  if (!existsSync(path)) return none;
  const parsed = await parse(path, warn);
  if (!parsed) return none;
  const { input, classes = [] } = parsed;
  return {
    input: input && locate(input.path, dirname(mapPath)),
    shares: sharesOf(classes),
    figures: numbersIn(parsed, "").slice(0, MOST_FIGURES),
  };
}

async function parse(path: string, warn: (line: string) => void): Promise<z.infer<typeof shape> | undefined> {
  try {
    const parsed = shape.safeParse(await readJson(path));
    if (parsed.success) return parsed.data;
    warn(`${path}: is of an unknown form and not shown`);
  } catch (error) {
    warn(`${errorLine(error)} (the map is shown without it)`); // nobody asked for it
  }
  return undefined;
}

/** Paths are as they were typed for `seg predict`: from its folder, which may be the map's. */
function locate(path: string, folder: string): string {
  if (isElsewhere(path) || isAbsolute(path) || existsSync(path)) return path;
  return join(folder, path);
}

/** Whether opening a path would ask another machine: an address, or a share of a Windows network. */
export const isElsewhere = (path: string): boolean =>
  isUrl(path) || (process.platform === "win32" && /^[\\/]{2}/.test(path));

function sharesOf(classes: readonly { name?: string; pixels?: number; share?: number }[]): Map<string, number> {
  const total = classes.reduce((sum, { pixels = 0 }) => sum + pixels, 0);
  const out = new Map<string, number>();
  for (const { name, pixels, share } of classes) {
    const value = share ?? (pixels !== undefined && total > 0 ? pixels / total : undefined);
    if (name !== undefined && value !== undefined) out.set(name, value);
  }
  return out;
}

/** Numbers of an object and of the objects in it; lists, which belong to classes and windows, are left out. */
function numbersIn(value: object, prefix: string): [string, number][] {
  return Object.entries(value).flatMap(([name, inner]): [string, number][] => {
    if (typeof inner === "number") return [[prefix + name, inner]];
    const isObject = typeof inner === "object" && inner !== null && !Array.isArray(inner);
    return isObject && prefix === "" ? numbersIn(inner, `${name}.`) : [];
  });
}
