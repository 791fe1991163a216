/**
 * @file The XML of tag 42112, where GDAL keeps metadata of the file and of its bands. Values are escaped twice: GDAL's GTiff driver unescapes
 * the document and then each value once more, and cuts a value that was escaped once at its first `&`.
 */
import type { BandItems, Plan } from "./options.js";
import type { BandStatistics } from "./statistics.js";

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** Text as it stands in XML, in elements and in attributes. */
export const escapeXml = (text: string): string => text.replace(/[&<>"]/g, (letter) => ENTITIES[letter]);

/** What the pixels say of themselves. */
export interface Measured {
  /** One of each band; undefined for a band without data. */
  readonly statistics?: readonly (BandStatistics | undefined)[];
  /** Pixels by value. */
  readonly counts?: readonly number[];
}

/** The text of tag 42112; undefined where there is nothing to say. */
export function metadataXml(plan: Plan, measured: Measured): string | undefined {
  const lines = Object.entries(plan.metadata ?? {}).map(([name, value]) => item(name, value));
  for (let band = 0; band < plan.bands; band++) {
    lines.push(...describedLines(plan.bandItems?.[band] ?? {}, band), ...measuredLines(measured, band));
  }
  return lines.length === 0 ? undefined : `<GDALMetadata>\n${lines.join("")}</GDALMetadata>\n`;
}

function item(name: string, value: string, band?: number, role?: string): string {
  const sample = band === undefined ? "" : ` sample="${band}"`;
  const part = role === undefined ? "" : ` role="${role}"`;
  return `  <Item name="${escapeXml(name)}"${sample}${part}>${escapeXml(escapeXml(value))}</Item>\n`;
}

function describedLines({ description, scale, offset, unit, metadata }: BandItems, band: number): string[] {
  const known: readonly (readonly [string, string | number | undefined, string])[] = [
    ["DESCRIPTION", description, "description"],
    ["OFFSET", offset, "offset"],
    ["SCALE", scale, "scale"],
    ["UNITTYPE", unit, "unittype"],
  ];
  return [
    ...known.flatMap(([name, value, role]) => (value === undefined ? [] : [item(name, String(value), band, role)])),
    ...Object.entries(metadata ?? {}).map(([name, value]) => item(name, value, band)),
  ];
}

function measuredLines({ statistics, counts }: Measured, band: number): string[] {
  const seen = statistics?.[band];
  const items: [string, number][] = seen
    ? [
        ["STATISTICS_MAXIMUM", seen.maximum],
        ["STATISTICS_MEAN", seen.mean],
        ["STATISTICS_MINIMUM", seen.minimum],
        ["STATISTICS_STDDEV", seen.standardDeviation],
        ["STATISTICS_VALID_PERCENT", seen.validPercent],
      ]
    : [];
  for (const [value, count] of (counts ?? []).entries()) if (count > 0) items.push([`PIXELS_${value}`, count]);
  return items.map(([name, value]) => item(name, String(value), band));
}
