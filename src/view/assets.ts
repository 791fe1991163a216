/**
 * @file The files of the page, read once: its own scripts (compiled, or compiled now where the program runs from source) and
 * geotiff.js as its makers bundle it for browsers.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { ICON, PAGE } from "./html.js";
import { STYLE } from "./style.js";

/** A file served as it is. */
export interface Asset {
  readonly type: string;
  readonly body: Buffer;
}

/** Modules of page/ that run in the browser. */
const MODULES = [
  "app",
  "cog",
  "colours",
  "controls",
  "drawing",
  "frame",
  "gestures",
  "layers",
  "pieces",
  "probe",
  "pyramid",
  "tile-cache",
  "viewport",
];
const SCRIPT = "text/javascript; charset=utf-8";

let loaded: Promise<ReadonlyMap<string, Asset>> | undefined;

/** The page's files by path; read when first asked for. */
export function loadAssets(): Promise<ReadonlyMap<string, Asset>> {
  loaded ??= readAssets();
  return loaded;
}

async function readAssets(): Promise<Map<string, Asset>> {
  const asset = (type: string, body: string | Buffer) => ({ type, body: Buffer.from(body) });
  const scripts = await Promise.all(
    MODULES.map(async (name) => [`/${name}.js`, asset(SCRIPT, await script(name))] as const),
  );
  return new Map([
    ["/", asset("text/html; charset=utf-8", PAGE)],
    ["/style.css", asset("text/css; charset=utf-8", STYLE)],
    ["/icon.svg", asset("image/svg+xml", ICON)],
    ["/geotiff.js", asset(SCRIPT, await readFile(geotiffBundle()))],
    ...scripts,
  ]);
}

async function script(name: string): Promise<string> {
  const compiled = join(import.meta.dirname, "page", `${name}.js`);
  if (existsSync(compiled)) return readFile(compiled, "utf8");
  const { default: typescript } = await import("typescript");
  const source = await readFile(join(import.meta.dirname, "page", `${name}.ts`), "utf8");
  const target = typescript.ScriptTarget.ES2022;
  return typescript.transpileModule(source, { compilerOptions: { target, module: typescript.ModuleKind.ESNext } })
    .outputText;
}

/** geotiff.js names its browser bundle under a condition Node does not ask for; it lies beside the one for Node. */
function geotiffBundle(): string {
  const forNode = createRequire(import.meta.url).resolve("geotiff");
  return join(dirname(dirname(forNode)), "dist-browser", "geotiff.js");
}
