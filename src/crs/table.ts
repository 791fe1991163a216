/**
 * @file The table of EPSG systems, table.json, read when first asked: 0.6 MB that few commands need. table.py makes it and says how.
 */
import { readFileSync } from "node:fs";

/** A system of the table: projection and frame (ellipsoid, prime meridian, shift to WGS 84) as PROJ strings. */
export interface TableSystem {
  readonly name: string;
  readonly projection: string;
  readonly frame: string;
  /** How far the shift to WGS 84 may be off, in metres; undefined where nobody says. */
  readonly accuracy?: number;
}

/** [EPSG code, name, projection, index of its frame]. */
type Row = readonly [number, string, string, number];

interface Table {
  readonly frames: readonly (readonly [string, number | null])[];
  readonly systems: ReadonlyMap<number, Row>;
}

let table: Table | undefined;

/** The system of an EPSG code, projected or geographic; undefined for codes the table lacks. */
export function findSystem(code: number): TableSystem | undefined {
  table ??= readTable();
  const row = table.systems.get(code);
  if (!row) return undefined;
  const [, name, projection, index] = row;
  const [frame, accuracy] = table.frames[index]!;
  return { name, projection, frame, ...(accuracy !== null && { accuracy }) };
}

function readTable(): Table {
  const { frames, systems }: { frames: Table["frames"]; systems: readonly Row[] } = JSON.parse(
    readFileSync(new URL("./table.json", import.meta.url), "utf8"),
  );
  return { frames, systems: new Map(systems.map((row) => [row[0], row])) };
}
