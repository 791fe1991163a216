/** @file What the writers of vector files are given: features one after another, with attributes that are told beforehand. */

/** One attribute of all features, integers of 32 bits, longs of 64; `decimals` are how many a number is worth in text. */
export interface Field {
  readonly name: string;
  readonly type: "integer" | "long" | "double" | "string";
  readonly decimals?: number;
}

/** A polygon: its exterior and then its holes, flat x, y lists without a repeated end; exteriors counter-clockwise. */
export type PolygonRings = readonly Float64Array[];

/** A region as it is written; null is an attribute without a value. */
export interface Feature {
  readonly values: readonly (number | string | null)[];
  readonly polygons: readonly PolygonRings[];
}

/** How a file says what its coordinates are in. */
export interface LayerSystem {
  readonly epsg: number;
  readonly name?: string;
}

/** The layer of a file. */
export interface Layer {
  readonly name: string;
  readonly fields: readonly Field[];
  /** Absent where unknown. */
  readonly system?: LayerSystem;
  /** Decimals of coordinates in text; absent: all of them. */
  readonly decimals?: number;
}

/** Takes features in the order of the file. */
export interface FeatureWriter {
  write(feature: Feature): Promise<void>;
  /** Completes the file. */
  end(): Promise<void>;
}
