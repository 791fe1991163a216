/**
 * @file The optimizer's half of a step: it renews weights, optimizer state and averaged weights in place, one pass over each parameter, by pieces
 * that stay in the processor's cache. Nothing is written before every new value is known to be finite.
 */
import { compileLoops, type Loops } from "../engine/elementwise/index.js";
import * as g from "../graph/functions.js";
import type { Tensor, TensorData } from "../graph/tensor.js";
import { ema, type Optimizer } from "../optim/index.js";
import type { StateDict } from "../weights/state.js";

export interface UpdatePlan {
  readonly optimizer: Optimizer;
  /** Decay of averaged weights; 0: none. */
  readonly ema: number;
}

/** What a step works on. */
export interface UpdateValues {
  /** `grad/NAME`. */
  readonly gradients: Readonly<Record<string, TensorData>>;
  readonly trained: StateDict;
  /** `slot/SLOT/NAME` and `ema/NAME`. */
  readonly state: StateDict;
  /** What gradients are multiplied by. */
  readonly factor: number;
  readonly scalars: Readonly<Record<string, number>>;
}

/** Renews trained and state; false, and nothing changed, where a new value is not finite. */
export type Updater = (values: UpdateValues) => boolean;

/** Elements of a piece: with the state of Adam half a megabyte. */
const PIECE = 1 << 15;

/** Compiles an optimizer's update. `piece`: elements renewed at a time, a multiple of four. */
export function compileUpdater(plan: UpdatePlan, piece = PIECE): Updater {
  const outputs = renewal(plan, piece);
  const check = { outputs: {}, watched: Object.values(outputs) };
  const loops = compileLoops(piece, { check, renew: { outputs, watched: [] } });
  return (values) => {
    for (const [name, value] of Object.entries({ factor: values.factor, ...values.scalars }))
      loops.values.get(name)?.fill(value);
    return everyPiece("check", loops, values) && everyPiece("renew", loops, values, Object.keys(outputs));
  };
}

/** Inputs `param`, `grad`, `slot/SLOT` and `ema` in pieces, `factor` and the optimizer's scalars; outputs by the input they renew. */
function renewal({ optimizer, ema: decay }: UpdatePlan, piece: number): Record<string, Tensor> {
  const [param, fresh] = ["param", "grad"].map((name) => g.input(name, [piece]));
  const grad = g.mul(fresh, g.input("factor", []));
  const slots = optimizer.slots.map((slot) => g.input(`slot/${slot}`, [piece]));
  const scalar = Object.fromEntries(optimizer.scalars.map((name) => [name, g.input(name, [])]));
  const next = optimizer.update({ param, grad, slots, scalar });
  const outputs: Record<string, Tensor> = { param: next.param };
  optimizer.slots.forEach((slot, i) => {
    outputs[`slot/${slot}`] = next.slots[i];
  });
  if (decay > 0) outputs.ema = ema(next.param, g.input("ema", [piece]), decay);
  return outputs;
}

/** Runs a loop over all parameters and takes back what it renews; stops, false, where a new value is not finite. */
function everyPiece<Name extends string>(
  loop: Name,
  loops: Loops<Name>,
  values: UpdateValues,
  renewed: readonly string[] = [],
): boolean {
  const arrays = [...loops.values].filter(([, { length }]) => length === loops.extent);
  for (const [name, { data }] of values.trained) {
    const held = arrays.map(([kind, array]) => ({ kind, array, values: heldIn(values, kind, name) }));
    for (let from = 0; from < data.length; from += loops.extent) {
      const to = Math.min(data.length, from + loops.extent);
      for (const { array, values } of held) fill(array, values.subarray(from, to));
      if (!loops.run(loop, to - from)) return false;
      for (const { kind, array, values } of held)
        if (renewed.includes(kind)) values.set(array.subarray(0, to - from), from);
    }
  }
  return true;
}

/** A piece into its array, and zeros up to the next multiple of four. */
function fill(array: Float32Array, piece: Float32Array): void {
  array.set(piece);
  array.fill(0, piece.length, Math.ceil(piece.length / 4) * 4);
}

function heldIn({ gradients, trained, state }: UpdateValues, kind: string, name: string): Float32Array {
  const value =
    kind === "param" ? trained.get(name) : kind === "grad" ? gradients[`grad/${name}`] : state.get(`${kind}/${name}`);
  if (!value) throw new Error(`internal: the step wants ${kind} of ${name}, which nobody gives`);
  return value.data as Float32Array;
}
