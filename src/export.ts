/**
 * @file `exportOnnx()`: one self-contained ONNX file, image in, class scores out. Stretch and normalisation lie inside the graph; the metadata
 * says what the caller has to do: bands, sizes, padding, class names.
 */
import { basename } from "node:path";
import type { Graph } from "./engine/engine.js";
import { lower } from "./engine/onnx/lower.js";
import { modelProto } from "./engine/onnx/proto.js";
import { INLINE_LIMIT, modelBesideData } from "./engine/onnx/index.js";
import { SegError } from "./errors.js";
import { refuseExisting, withAtomicFile, writeFileAtomic } from "./files.js";
import * as g from "./graph/functions.js";
import { sizeOf, type Tensor } from "./graph/tensor.js";
import { sweepLeftovers } from "./leftovers.js";
import { defineModel } from "./model.js";
import { type OpenModel, specOf } from "./open-model.js";
import type { Preprocessing } from "./preprocess.js";
import { mergeLora } from "./train/lora.js";
import { software } from "./version.js";
import type { StateDict } from "./weights/state.js";

export interface ExportOptions {
  /** Sides of the input in pixels; default: the encoder's fixed size, else the training crop, else 512. */
  readonly height?: number;
  readonly width?: number;
  readonly batch?: number;
  /** Replace files that are there. */
  readonly force?: boolean;
  /** Bytes of weights above which they go into FILE.data; default what ONNX holds in one file. */
  readonly inlineLimit?: number;
}

/** What was written: input [batch, bands, height, width] float32 in raw values; output `scores` [batch, classes, height, width], logits. */
export interface Exported {
  readonly path: string;
  readonly input: readonly number[];
  readonly output: readonly number[];
  readonly externalData: boolean;
}

/** Writes a model as ONNX. Rejects with SegError for sizes the model cannot take, and where a file is there already. */
export async function exportOnnx(open: OpenModel, path: string, options: ExportOptions = {}): Promise<Exported> {
  const { card } = open;
  const { preprocessing } = card;
  const [height, width] = exportSize(open, options);
  const { hook, ...spec } = specOf(card);
  const model = defineModel(spec);
  const state = hook && card.lora ? mergeLora(open.state, card.lora.rank, card.lora.alpha) : open.state;
  const raw = g.input("image", [options.batch ?? 1, model.bands, height, width]);
  const scores = model.trace(model.record(false).scope, normalise(raw, preprocessing));
  const metadata = metadataOf(open, height, width);
  const graph = { outputs: { scores } };
  let bytes = 0;
  for (const [name] of model.slots()) bytes += 4 * sizeOf(state.get(name)?.shape ?? []);
  const externalData = bytes > (options.inlineLimit ?? INLINE_LIMIT);
  await claim(externalData ? [path, dataOf(path)] : [path], options.force);
  if (externalData) await writeBesideData(path, graph, state, metadata);
  else await writeFileAtomic(path, modelProto(lower(graph, { constants: state }), "sam-seg", metadata).finish());
  return { path, input: raw.shape, output: scores.shape, externalData };
}

function exportSize({ card }: OpenModel, { height, width }: ExportOptions): [number, number] {
  const { size, multipleOf } = card.preprocessing;
  const usual = size ?? Math.ceil((card.cropSize ?? 512) / multipleOf) * multipleOf;
  const sides: [number, number] = [height ?? usual, width ?? height ?? usual];
  if (size !== undefined && sides.some((side) => side !== size)) {
    throw new SegError("--size", `${card.encoder} has the fixed input size ${size}`, "leave --size out");
  }
  if (sides.some((side) => !(side > 0) || side % multipleOf !== 0)) {
    const reason = `${card.encoder} needs positive multiples of ${multipleOf}`;
    throw new SegError(`--size ${sides.join("x")}`, reason, `try ${usual}`);
  }
  return sides;
}

/** Refuses files that are there, unless they may be replaced; removes what a killed process left of them. */
async function claim(files: readonly string[], force = false): Promise<void> {
  if (!force) files.forEach(refuseExisting);
  await sweepLeftovers(files);
}

const dataOf = (path: string) => `${path}.data`;

/** Raw values to what the encoder takes: stretched to 0..255 where the data is no photo, then (x - mean) / std. */
function normalise(x: Tensor, { stretch, mean, std }: Preprocessing): Tensor {
  const perBand = (values: readonly number[]) =>
    g.constant({ data: Float32Array.from(values), shape: [1, values.length, 1, 1] });
  const scaled = stretch
    ? g.clip(
        g.mul(
          g.sub(x, perBand(stretch.low)),
          perBand(stretch.low.map((low, i) => 255 / Math.max(stretch.high[i] - low, 1e-12))),
        ),
        0,
        255,
      )
    : x;
  return g.div(g.sub(scaled, perBand(mean)), perBand(std));
}

function metadataOf({ card }: OpenModel, height: number, width: number): Record<string, string> {
  const { preprocessing } = card;
  return {
    software,
    encoder: card.encoder,
    decoder: card.decoder,
    precision: card.int8 ? "fp32; the decoder was trained on maps of an int8 encoder" : "fp32",
    classes: JSON.stringify(card.classes.map(({ name }) => name)),
    colors: JSON.stringify(card.classes.map(({ color }) => color)),
    input: "float32 NCHW, raw values (8-bit photos: RGB 0..255); normalisation is inside the graph",
    scores: card.head === "softmax" ? "logits; softmax over axis 1" : "logit of class 1; sigmoid",
    bands: JSON.stringify(preprocessing.bandNames),
    resize: preprocessing.size
      ? `longer side to ${preprocessing.size}, Pillow bilinear, then pad right and bottom`
      : "none; pad right and bottom",
    padding: JSON.stringify(preprocessing.stretch ? padRaw(preprocessing) : preprocessing.mean),
    height: String(height),
    width: String(width),
    preprocessing: JSON.stringify(preprocessing),
  };
}

/** Raw values that normalise to 0. */
function padRaw({ stretch, mean }: Preprocessing): number[] {
  const { low, high } = stretch as NonNullable<Preprocessing["stretch"]>;
  return mean.map((value, i) => low[i] + (value * (high[i] - low[i])) / 255);
}

/** The data gets its name before the model does: a model that is there can be used. */
async function writeBesideData(path: string, graph: Graph, constants: StateDict, metadata: Record<string, string>) {
  const { model, data } = modelBesideData(graph, { constants }, basename(dataOf(path)), metadata);
  await withAtomicFile(path, async (file) => {
    for (const chunk of model) await file.write(chunk);
    await writeFileAtomic(dataOf(path), data);
  });
}
