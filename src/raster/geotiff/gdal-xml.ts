/**
 * @file The XML GDAL keeps beside pixels: metadata items (tag 42112) and category names (PATH.aux.xml).
 * Source: GDAL's GTiff driver (GTiffDatasetReadMetadata, which unescapes an item twice) and its PAM data model.
 */

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const escapeXml = (text: string) => text.replace(/[&<>"]/g, (letter) => ENTITIES[letter]);

const CHARACTERS: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
const unescapeXml = (text: string) => text.replace(/&(amp|lt|gt|quot|apos);/g, (_, name: string) => CHARACTERS[name]);

/** The text of tag 42112: NAME=VALUE items of the whole file. */
export function metadataXml(items: Readonly<Record<string, string>>): string {
  const lines = Object.entries(items).map(
    ([name, value]) => `  <Item name="${escapeXml(name)}">${escapeXml(escapeXml(value))}</Item>\n`,
  );
  return `<GDALMetadata>\n${lines.join("")}</GDALMetadata>\n`;
}

/** A PAM file that names the values 0, 1, ... of band 1. */
export function categoriesXml(names: readonly string[]): string {
  const lines = names.map((name) => `      <Category>${escapeXml(name)}</Category>\n`);
  const band = `  <PAMRasterBand band="1">\n    <CategoryNames>\n${lines.join("")}    </CategoryNames>\n  </PAMRasterBand>\n`;
  return `<PAMDataset>\n${band}</PAMDataset>\n`;
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

/** The items of a tag 42112 that speak of the whole file, by name. */
export function fileItemsOf(metadata: string | undefined): Map<string, string> {
  const items = new Map<string, string>();
  for (const [, attributes, value] of (metadata ?? "").matchAll(/<Item([^<>]{0,200})>([^<]{0,4000})<\/Item>/g)) {
    const name = /name="([^"]{1,100})"/.exec(attributes)?.[1];
    if (name !== undefined && !/ (sample|domain)="/.test(attributes)) {
      items.set(unescapeXml(name), unescapeXml(unescapeXml(value)));
    }
  }
  return items;
}
