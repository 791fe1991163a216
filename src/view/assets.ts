/**
 * @file The files of the page, each read when it is first asked for: its own scripts (compiled, or compiled now where the program runs from source) and
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
  body(): Promise<Buffer>;
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
  "notices",
  "pieces",
  "probe",
  "pyramid",
  "tile-cache",
  "viewport",
];
const SCRIPT = "text/javascript; charset=utf-8";

const asset = (type: string, load: () => Promise<Buffer | string>): Asset => {
  let loaded: Promise<Buffer> | undefined;
  return {
    type,
    body() {
      loaded ??= load().then((content) => Buffer.from(content));
      return loaded;
    },
  };
};

/** The page's files by path. */
export const ASSETS: ReadonlyMap<string, Asset> = new Map([
  ["/", asset("text/html; charset=utf-8", async () => PAGE)],
  ["/style.css", asset("text/css; charset=utf-8", async () => STYLE)],
  ["/icon.svg", asset("image/svg+xml", async () => ICON)],
  ["/geotiff.js", asset(SCRIPT, () => readFile(geotiffBundle()))],
  ...MODULES.map((name) => [`/${name}.js`, asset(SCRIPT, () => script(name))] as const),
]);

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
