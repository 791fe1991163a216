/** @file What the server tells the page about the map: the answer of meta.json. */

/** A value of the class map. */
export interface ClassEntry {
  readonly value: number;
  readonly name: string;
  readonly color: readonly [number, number, number];
  /** Share of the pixels that hold data, 0..1. */
  readonly share?: number;
}

/** A band of the file of probabilities: a sample times `scale` plus `offset` is a value from 0 to 1. */
export interface ProbabilityBand {
  readonly name: string;
  readonly scale: number;
  readonly offset: number;
}

/** Everything the page has to know before it reads pixels; sizes in pixels of the map. */
export interface ViewMeta {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly nodata?: number;
  readonly classes: readonly ClassEntry[];
  /** What the shares were counted on: every pixel, or a reduced copy of the map. */
  readonly sharesAre?: "exact" | "about";
  /** The file of probabilities; `nodata` as a sample stores it. */
  readonly probability?: { readonly bands: readonly ProbabilityBand[]; readonly nodata?: number };
  /** Levels of the source's tiles (0: full size), 0 where no source is shown; the note says what is shown, or why not. */
  readonly source: { readonly levels: number; readonly note: string };
  /** x = t[0] + column t[1] + row t[2], y = t[3] + column t[4] + row t[5]. */
  readonly transform?: readonly number[];
  /** Name of the reference system. */
  readonly system?: string;
  /** Unit of its coordinates where that is known. */
  readonly unit?: "m" | "°";
  /** Size of the map's file and that of the probabilities together. */
  readonly bytes: number;
  /** Numbers of the run that made the map, with their names. */
  readonly figures: readonly (readonly [string, number])[];
}
