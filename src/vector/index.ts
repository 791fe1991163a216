/** @file Class rasters as polygons. */
export { type Vectorized, type VectorizeOptions, vectorize } from "./vectorize.js";
