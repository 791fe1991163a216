/** @file Class rasters as polygons. */
export type { VectorizeOptions } from "./options.js";
export { type Vectorized, vectorize } from "./vectorize.js";
