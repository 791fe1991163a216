/**
 * @file The table of EPSG systems, table.json, read when first asked: 0.6 MB that few commands need. table.py makes it and says how.
 */
import { readFileSync } from "node:fs";

/** How a system's datum lies to WGS 84. */
export interface Frame {
  /** Ellipsoid, prime meridian and shift as PROJ words. */
  readonly text: string;
  /** How far the shift may be off, in metres; undefined where nobody says. */
  readonly accuracy?: number;
  /** Whether a shift by grid file, which is not used here, would be more exact. */
  readonly gridHelps?: boolean;
}

/** A system of the table. */
export interface TableSystem {
  readonly name: string;
  /** PROJ words. */
  readonly projection: string;
  readonly frame: Frame;
}

/** [EPSG code, name, projection, index of its frame]. */
type Row = readonly [number, string, string, number];

interface Table {
  readonly frames: readonly (readonly [string, number | null, 1?])[];
  readonly systems: ReadonlyMap<number, Row>;
}

let table: Table | undefined;

/** The system of an EPSG code, projected or geographic; undefined for codes the table lacks. */
export function findSystem(code: number): TableSystem | undefined {
  table ??= readTable();
  const row = table.systems.get(code);
  if (!row) return undefined;
  const [, name, projection, index] = row;
  const [text, accuracy, grid] = table.frames[index]!;
  const frame = { text, ...(accuracy !== null && { accuracy }), ...(grid && { gridHelps: true }) };
  return { name, projection, frame };
}

function readTable(): Table {
  const { frames, systems }: { frames: Table["frames"]; systems: readonly Row[] } = JSON.parse(
    readFileSync(new URL("./table.json", import.meta.url), "utf8"),
  );
  return { frames, systems: new Map(systems.map((row) => [row[0], row])) };
}
