/**
 * @file Imports go down only (CONTRIBUTING.md, "How the code is laid out"): graph <- engine, nn <- encoders, decoders, losses <- catalog <- train, predict
 * <- experiment, cli. Read from the import lines; types count too, but for the interfaces every layer speaks of.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { test } from "node:test";

const ROOT = join(import.meta.dirname, "../..");
const FOLDERS = ["src", "encoders", "decoders", "datasets"];

interface Import {
  readonly from: string;
  readonly to: string;
  readonly isType: boolean;
}

const files = FOLDERS.flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(folder, name).split(sep).join("/")),
);
const imports = files.flatMap(importsOf);

function importsOf(from: string): Import[] {
  const text = readFileSync(join(ROOT, from), "utf8");
  const lines = [
    ...text.matchAll(/^(?:import|export)\s(type\s)?[^;"']*?from\s+["'](\.[^"']+)["']|import\(\s*["'](\.[^"']+)["']/gm),
  ];
  return lines.map(([, isType, fixed, lazy]) => {
    const path = join(dirname(from), (fixed ?? lazy).replace(/\.js$/, ".ts"))
      .split(sep)
      .join("/");
    return { from, to: path, isType: isType !== undefined };
  });
}

/** Layers from the bottom; a file belongs to the first pattern that fits. Each may import its own and those named. */
const LAYERS: readonly { readonly name: string; readonly files: RegExp; readonly may: readonly string[] }[] = [
  {
    name: "base",
    files: /^src\/(errors|random|version|files|leftovers|lock|talk|contract|registry|network|helper-thread)\.ts$/,
    may: [],
  },
  { name: "graph", files: /^src\/graph\//, may: ["base"] },
  { name: "engine", files: /^src\/engine\//, may: ["base", "graph"] },
  { name: "nn", files: /^src\/nn\//, may: ["base", "graph"] },
  { name: "cog", files: /^src\/cog\//, may: ["base"] },
  { name: "raster", files: /^src\/raster\//, may: ["base", "cog"] },
  { name: "crs", files: /^src\/crs\//, may: ["base", "raster"] },
  { name: "vector", files: /^src\/vector\//, may: ["base", "raster", "crs"] },
  { name: "dataset", files: /^src\/dataset\//, may: ["base", "raster", "crs"] },
  { name: "losses", files: /^src\/losses\//, may: ["base", "graph", "nn"] },
  { name: "optim", files: /^src\/optim\//, may: ["base", "graph"] },
  { name: "parts", files: /^(encoders|decoders)\//, may: ["base", "graph", "nn"] },
  { name: "datasets", files: /^datasets\//, may: ["base", "raster", "dataset"] },
  { name: "catalog", files: /^src\/catalog\.ts$/, may: ["base", "losses", "parts", "datasets"] },
  {
    name: "cli",
    files: /^src\/cli\//,
    may: ["base", "graph", "engine", "raster", "crs", "vector", "dataset", "catalog", "middle", "top"],
  },
  {
    name: "top",
    files: /^src\/(index|experiment|demo|demo\/.*|library\/.*)\.ts$/,
    may: ["base", "graph", "engine", "nn", "cog", "raster", "crs", "vector", "dataset", "catalog", "middle"],
  },
  {
    name: "middle",
    files: /^src\//,
    may: ["base", "graph", "engine", "nn", "cog", "raster", "crs", "vector", "dataset", "losses", "optim", "catalog"],
  },
];

const layerOf = (file: string) => LAYERS.find(({ files: pattern }) => pattern.test(file));

test("every imported file exists", () => {
  assert.ok(imports.length > 100, "import lines were found");
  assert.deepEqual(
    imports.filter(({ to }) => !existsSync(join(ROOT, to))),
    [],
  );
});

test("every layer imports only those below it", () => {
  const wrong = imports.filter(({ from, to }) => {
    const [own, other] = [layerOf(from), layerOf(to)];
    return own?.name !== other?.name && !own?.may.includes(other?.name ?? "");
  });
  assert.deepEqual(wrong.filter(({ isType, to }) => !(isType && SPOKEN_OF.has(to))).map(tell), []);
});

/** Interfaces without code that lower layers name in types: what is traced, what is stored. */
const SPOKEN_OF = new Set(["src/graph/tensor.ts", "src/engine/engine.ts", "src/weights/state.ts", "src/contract.ts"]);

const tell = ({ from, to }: Import) => `${from} -> ${to}`;

test("parts import neither each other, an engine, nor the command line", () => {
  const families = new Map(
    files.filter((file) => /^(encoders|decoders|datasets)\//.test(file)).map((file) => [file, relative(".", file)]),
  );
  const wrong = imports.filter(({ from, to }) => {
    if (!families.has(from) || from.endsWith("/index.ts")) return false;
    return families.has(to) || /^src\/(engine|cli|train|library)\//.test(to);
  });
  assert.deepEqual(wrong.map(tell), []);
});

test("there is no cycle of imports", () => {
  const below = new Map<string, string[]>();
  for (const { from, to, isType } of imports) if (!isType) below.set(from, [...(below.get(from) ?? []), to]);
  const done = new Set<string>();
  const walk = (file: string, path: readonly string[]): void => {
    assert.ok(!path.includes(file), `${[...path.slice(path.indexOf(file)), file].join(" -> ")}`);
    if (done.has(file)) return;
    for (const next of below.get(file) ?? []) walk(next, [...path, file]);
    done.add(file);
  };
  for (const file of files) walk(file, []);
});
