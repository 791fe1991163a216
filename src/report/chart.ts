/**
 * @file Charts as PNG: a vega-lite specification, laid out by vega as SVG, drawn by resvg with the DejaVu font that ships beside it (so pictures
 * do not depend on the machine's fonts).
 */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { TopLevelSpec } from "vega-lite";

const require = createRequire(import.meta.url);
const FONT = "DejaVu Sans";

/** Renders a vega-lite specification; `scale` is pixels per unit. */
export async function chartPng(spec: TopLevelSpec, scale = 2): Promise<Uint8Array> {
  const [{ Resvg }, svg] = await Promise.all([import("@resvg/resvg-js"), chartSvg(spec)]);
  const font = {
    fontFiles: [join(dirname(require.resolve("dejavu-fonts-ttf/package.json")), "ttf", "DejaVuSans.ttf")],
    loadSystemFonts: false,
    defaultFontFamily: FONT,
  };
  return new Resvg(svg, { font, fitTo: { mode: "zoom", value: scale }, background: "white" }).render().asPng();
}

async function chartSvg(spec: TopLevelSpec): Promise<string> {
  const [vega, { compile }] = await Promise.all([import("vega"), import("vega-lite")]);
  const config = { font: FONT, axis: { gridColor: "#e5e5e5" }, view: { stroke: "#cccccc" }, ...spec.config };
  const view = new vega.View(vega.parse(compile({ ...spec, config }).spec), { renderer: "none" });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}
