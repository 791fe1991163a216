/**
 * @file The XML GDAL keeps beside pixels: band names in metadata items (tag 42112, written by src/cog) and category names (PATH.aux.xml).
 * Source: GDAL's GTiff driver (GTiffDatasetReadMetadata, which unescapes an item twice) and its PAM data model.
 */
import { escapeXml } from "../../cog/index.js";

const CHARACTERS: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
/** Values of 16 bits. */
const MOST_CATEGORIES = 65_536;
const unescapeXml = (text: string) => text.replace(/&(amp|lt|gt|quot|apos);/g, (_, name: string) => CHARACTERS[name]);

/** A PAM file that names the values 0, 1, ... of band 1. */
export function categoriesXml(names: readonly string[]): string {
  const lines = names.map((name) => `      <Category>${escapeXml(name)}</Category>\n`);
  const band = `  <PAMRasterBand band="1">\n    <CategoryNames>\n${lines.join("")}    </CategoryNames>\n  </PAMRasterBand>\n`;
  return `<PAMDataset>\n${band}</PAMDataset>\n`;
}

/** The category names of a PAM file, by their values. */
export function categoriesOf(xml: string): string[] {
  const categories = [...xml.matchAll(/<Category>([^<]{0,200})<\/Category>|<Category\/>/g)].slice(0, MOST_CATEGORIES);
  return categories.map(([, name = ""]) => unescapeXml(name));
}

/** Names of bands in a tag 42112: its items of role `description`; empty strings where there are none. */
export function bandNamesOf(metadata: string | undefined, bands: number): string[] {
  const names = Array.from({ length: bands }, () => "");
  for (const [, attributes, value] of (metadata ?? "").matchAll(/<Item([^<>]{0,200})>([^<]{0,200})<\/Item>/g)) {
    const sample = Number(/sample="(\d{1,5})"/.exec(attributes)?.[1] ?? Number.NaN);
    if (/role="description"/.test(attributes) && sample < bands) names[sample] = unescapeXml(unescapeXml(value));
  }
  return names;
}

/** Items of a tag 42112: those of the file by name, those of a band as `BAND:NAME`, bands from 0. */
export function metadataOf(metadata: string | undefined): Map<string, string> {
  const items = new Map<string, string>();
  for (const [, attributes, value] of (metadata ?? "").matchAll(/<Item([^<>]{0,200})>([^<]{0,65536})<\/Item>/g)) {
    const name = unescapeXml(/name="([^"]*)"/.exec(attributes)?.[1] ?? "");
    const sample = /sample="(\d{1,5})"/.exec(attributes)?.[1];
    items.set(sample === undefined ? name : `${sample}:${name}`, unescapeXml(unescapeXml(value)));
  }
  return items;
}
