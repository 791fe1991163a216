/**
 * @file The optimizer's half of a step: it renews weights, optimizer state and averaged weights in place, by strips of parameters laid out
 * one after the other, so that never old and new values of all are held. Nothing is written before every new weight is known to be finite.
 */
import type { Engine, Program } from "../engine/engine.js";
import * as g from "../graph/functions.js";
import { type Shape, sizeOf, type Tensor, type TensorData } from "../graph/tensor.js";
import { ema, type Optimizer } from "../optim/index.js";
import type { StateDict } from "../weights/state.js";
import { type Piece, readStrip, stripsOf, writeStrip } from "./strips.js";

export interface UpdatePlan {
  readonly shapes: ReadonlyMap<string, Shape>;
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

export interface Updater {
  /** L2 norm of all gradients. */
  norm(gradients: UpdateValues["gradients"]): Promise<number>;
  /** Renews trained and state; false, and nothing changed, where a new weight is not finite. */
  apply(values: UpdateValues): Promise<boolean>;
  dispose(): Promise<void>;
}

export interface UpdateLimits {
  /** Elements of a strip. */
  readonly strip: number;
  /** Up to so many strips, new values are kept until all are known; beyond, they are computed twice. */
  readonly kept: number;
}

/** 1 MiB of each kind of value, which stays in the processor's cache. */
const LIMITS: UpdateLimits = { strip: 1 << 18, kept: 64 };

/** Compiles the programs of an update: one strip each. */
export async function compileUpdater(engine: Engine, plan: UpdatePlan, limits = LIMITS): Promise<Updater> {
  const sizes = new Map([...plan.shapes].map(([name, shape]) => [name, sizeOf(shape)]));
  const { strips, extent } = stripsOf(sizes, limits.strip);
  const outputs = renewal(plan, extent);
  const square = g.sumSquares(g.input("grad", [extent]));
  const programs = {
    square: await engine.compile({ outputs: { square } }),
    check: await engine.compile({ outputs: { finite: outputs.finite } }),
    renew: await engine.compile({ outputs }),
  };
  return new StripUpdater(programs, strips, extent, strips.length <= limits.kept);
}

/** Inputs `param`, `grad`, the slots, `ema`, `factor` and `scalar/NAME`; outputs the renewed ones as `next/NAME`, and `finite` (1 or 0). */
function renewal({ optimizer, ema: decay }: UpdatePlan, extent: number): Record<string, Tensor> {
  const [param, fresh] = ["param", "grad"].map((name) => g.input(name, [extent]));
  const grad = g.mul(fresh, g.input("factor", []));
  const slots = optimizer.slots.map((slot) => g.input(`slot/${slot}`, [extent]));
  const scalar = Object.fromEntries(optimizer.scalars.map((name) => [name, g.input(`scalar/${name}`, [])]));
  const next = optimizer.update({ param, grad, slots, scalar });
  const finite = g.cast(g.isFinite(g.sum(next.param)), "float32"); // a huge step can overflow a weight
  const outputs: Record<string, Tensor> = { "next/param": next.param, finite };
  optimizer.slots.forEach((slot, i) => {
    outputs[`next/slot/${slot}`] = next.slots[i];
  });
  if (decay > 0) outputs["next/ema"] = ema(next.param, g.input("ema", [extent]), decay);
  return outputs;
}

type Strip = readonly Piece[];
type Results = Readonly<Record<string, TensorData>>;

class StripUpdater implements Updater {
  private readonly buffers = new Map<string, Float32Array>();

  constructor(
    private readonly programs: Readonly<Record<"square" | "check" | "renew", Program>>,
    private readonly strips: readonly Strip[],
    private readonly extent: number,
    private readonly keeps: boolean,
  ) {}

  async norm(gradients: UpdateValues["gradients"]): Promise<number> {
    let total = 0;
    for (const strip of this.strips) {
      const grad = this.read(strip, "grad", (name) => gradients[`grad/${name}`]);
      total += (await this.programs.square.run({ grad })).square.data[0];
    }
    return Math.sqrt(total);
  }

  async apply(values: UpdateValues): Promise<boolean> {
    const kept: Results[] = [];
    for (const strip of this.strips) {
      const results = await this.run(this.keeps ? "renew" : "check", strip, values);
      if (results.finite.data[0] !== 1) return false;
      if (this.keeps) kept.push(results);
    }
    for (const [i, strip] of this.strips.entries()) {
      const results = kept[i] ?? (await this.run("renew", strip, values));
      for (const [result, { data }] of Object.entries(results)) {
        const kind = result.replace("next/", "");
        if (kind !== "finite") writeStrip(strip, data as Float32Array, (name) => heldIn(values, kind, name));
      }
    }
    return true;
  }

  private run(program: "check" | "renew", strip: Strip, values: UpdateValues): Promise<Results> {
    const feeds: Record<string, TensorData> = {};
    for (const name of this.programs[program].feeds) {
      const scalar = name === "factor" ? values.factor : values.scalars[name.replace("scalar/", "")];
      feeds[name] =
        scalar === undefined
          ? this.read(strip, name, (owner) => heldIn(values, name, owner))
          : { data: Float32Array.of(scalar), shape: [] };
    }
    return this.programs[program].run(feeds);
  }

  private read(strip: Strip, kind: string, source: (name: string) => TensorData | undefined): TensorData {
    return { data: readStrip(strip, this.buffer(kind), source), shape: [this.extent] };
  }

  private buffer(kind: string): Float32Array {
    const known = this.buffers.get(kind) ?? new Float32Array(this.extent);
    this.buffers.set(kind, known);
    return known;
  }

  async dispose(): Promise<void> {
    for (const program of Object.values(this.programs)) await program.dispose();
  }
}

function heldIn({ gradients, trained, state }: UpdateValues, kind: string, name: string): TensorData | undefined {
  if (kind === "param") return trained.get(name);
  return kind === "grad" ? gradients[`grad/${name}`] : state.get(`${kind}/${name}`);
}
