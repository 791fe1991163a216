/**
 * @file Calibration of int8 encoders: how close their maps are to float32 ones on a few images, and which layers have to stay in float32 for that.
 * Each layer's own error ranks it: relative energy of what int8 changes in its output, with float32 before it.
 */
import type { Engine, Program } from "./engine/engine.js";
import { frozenMatrix, isFixed } from "./engine/onnx/quantize.js";
import { SegError } from "./errors.js";
import type { OpName } from "./graph/attrs.js";
import * as g from "./graph/functions.js";
import { ancestors } from "./graph/grad.js";
import { node } from "./graph/node.js";
import type { Shape, Tensor, TensorData } from "./graph/tensor.js";
import type { StateDict } from "./weights/state.js";

/** What int8 is in a model; part of its card. */
export interface Int8 {
  /** Weights of linear layers that stay in float32. */
  readonly kept: string[];
  /** Smallest cosine of a map of a calibration image to its float32 twin. */
  readonly cosine: number;
}

/** Images that a calibration looks at: the first of the data. */
export const CALIBRATION_IMAGES = 2;

/** Cosine that is asked for: half of what int8 may lose (0.001) is left to images that were not looked at. */
const CLOSE = 0.9995;

/** An encoder to calibrate; all its weights are constants. */
export interface EncoderPlan {
  readonly name: string;
  readonly engine: Engine;
  readonly constants: StateDict;
  trace(image: Tensor): Tensor[];
}

/** Decides which layers stay in float32, by the inputs that have the first one's shape. Rejects with SegError where the encoder has no linear layer with fixed weights. */
export async function calibrate(plan: EncoderPlan, images: readonly TensorData[]): Promise<Int8> {
  const inputs = images.filter(({ shape }) => String(shape) === String(images[0].shape));
  requireLinear(plan, inputs[0].shape);
  const expected = await mapsOf(plan, inputs, () => true);
  let [kept, ranked]: [string[], string[] | undefined] = [[], undefined];
  for (let count = 1; ; count *= 2) {
    const cosine = closeness(expected, await mapsOf(plan, inputs, (name) => kept.includes(name)));
    if (cosine >= CLOSE || kept.length === ranked?.length) return { kept, cosine: Number(cosine.toFixed(6)) };
    ranked ??= await rank(plan, inputs);
    kept = ranked.slice(0, count);
  }
}

/** Fails where int8 would change nothing. */
export function requireLinear(plan: Omit<EncoderPlan, "engine">, shape: Shape): void {
  if (productsOf(plan, shape).products.length > 0) return;
  throw new SegError("--precision int8", `is for linear layers; ${plan.name} has none`, "leave it out");
}

/** One line on a calibration. */
export function int8Line({ kept, cosine }: Int8): string {
  const layers = kept.length ? `in fp32 stay ${kept.join(", ")}` : "every linear layer of the encoder is int8";
  return `int8: cosine ${cosine.toFixed(5)} to fp32 on the calibration images; ${layers}`;
}

/** Products that an int8 engine quantises, with the name of their weight. */
function productsOf({ trace, constants }: Omit<EncoderPlan, "engine">, shape: Shape) {
  const maps = trace(g.input("image", shape));
  const products = ancestors(maps).flatMap((x) => {
    const matrix = x.op === "matmul" && !isFixed(x.inputs[0], constants) && frozenMatrix(x.inputs[1], constants);
    return matrix ? [{ name: matrix.name, product: x }] : [];
  });
  return { maps, products };
}

async function mapsOf(plan: EncoderPlan, inputs: readonly TensorData[], keep: (name: string) => boolean) {
  const maps = plan.trace(g.input("image", inputs[0].shape));
  const outputs = Object.fromEntries(maps.map((map, i) => [`${i}`, map]));
  return runAll(await plan.engine.compile({ outputs }, { constants: plan.constants, keep }), inputs);
}

async function runAll(program: Program, inputs: readonly TensorData[]): Promise<Record<string, TensorData>[]> {
  const results: Record<string, TensorData>[] = [];
  for (const image of inputs) results.push(await program.run({ image }));
  await program.dispose();
  return results;
}

type Maps = readonly Record<string, TensorData>[];

/** The smallest cosine of a map to the expected one. */
function closeness(expected: Maps, found: Maps): number {
  const cosines = expected.flatMap((maps, i) =>
    Object.keys(maps).map((key) => cosineOf(maps[key].data, found[i][key].data)),
  );
  return Math.min(...cosines);
}

/** Cosine of the angle between two vectors. */
export function cosineOf(a: TensorData["data"], b: TensorData["data"]): number {
  let [product, first, second] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    product += a[i] * b[i];
    first += a[i] ** 2;
    second += b[i] ** 2;
  }
  return product / Math.sqrt(first * second);
}

/** A second name of a weight, under which it is int8 beside its float32 self. */
const TWIN = " in int8";

/** Names of the weights, those whose layers int8 changes most first. */
async function rank(plan: EncoderPlan, inputs: readonly TensorData[]): Promise<string[]> {
  const { products } = productsOf(plan, inputs[0].shape);
  const outputs = Object.fromEntries(products.map(({ product }, i) => [`${i}`, errorOf(product)]));
  const twins = products.map(({ name }) => [name + TWIN, plan.constants.get(name) as TensorData] as const);
  const settings = { constants: new Map([...plan.constants, ...twins]), keep: (name: string) => !name.endsWith(TWIN) };
  const runs = await runAll(await plan.engine.compile({ outputs }, settings), inputs);
  const worst = new Map<string, number>();
  for (const errors of runs) {
    for (const [i, { name }] of products.entries()) worst.set(name, Math.max(worst.get(name) ?? 0, errors[i].data[0]));
  }
  return [...worst].sort(([, a], [, b]) => b - a).map(([name]) => name);
}

/** |int8 product - product|^2 / |product|^2 */
function errorOf(product: Tensor): Tensor {
  const [x, right] = product.inputs;
  const difference = g.sub(g.matmul(x, twinOf(right)), product);
  return g.div(g.sum(g.square(difference)), g.sum(g.square(product)));
}

/** The same expression of the weight's second name. */
function twinOf(x: Tensor): Tensor {
  if (x.op === "param") return g.param((x as Tensor<"param">).attrs.name + TWIN, x.shape);
  return node<OpName>(x.op, x.inputs.map(twinOf), x.attrs);
}
