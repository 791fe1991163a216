/** @file The four registries, filled. Parts made outside the package are added with `register`. */
import * as datasetFamilies from "../datasets/index.js";
import * as decoderFamilies from "../decoders/index.js";
import * as encoderFamilies from "../encoders/index.js";
import type { DatasetKind, Decoder, Encoder, Loss } from "./contract.js";
import * as lossFamilies from "./losses/index.js";
import { type Registry, registry } from "./registry.js";

export const encoders: Registry<Encoder> = registry("encoder", encoderFamilies);
export const decoders: Registry<Decoder> = registry("decoder", decoderFamilies as unknown as Families<Decoder>);
export const datasets: Registry<DatasetKind> = registry("dataset", datasetFamilies as unknown as Families<DatasetKind>);
export const losses: Registry<Loss> = registry("loss", lossFamilies as unknown as Families<Loss>);

/** A part's options are checked against its own defaults before they reach it, so the registry may forget their type. */
type Families<T> = Record<string, Record<string, T>>;
