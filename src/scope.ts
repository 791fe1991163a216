/**
 * @file Scopes: they record what a traced model asks for (parameters, buffers, dropout masks, renewed running statistics), and fill
 * parameters from a seed and their name alone, with torch.nn.init's distributions.
 */
import type { Init, Scope } from "./contract.js";
import * as g from "./graph/functions.js";
import { recompute } from "./graph/grad.js";
import { type Shape, sizeOf, type Tensor, type TensorData } from "./graph/tensor.js";
import { generator } from "./random.js";
import type { StateDict } from "./weights/state.js";

/** A parameter or buffer a model has. */
export interface Slot {
  readonly tensor: Tensor;
  readonly init: Init;
  readonly trainable: boolean;
}

/** A dropout mask the trainer feeds: 0 or 1 / (1 - rate). */
export interface Dropout {
  readonly name: string;
  readonly shape: Shape;
  readonly rate: number;
}

/** Called for every parameter; returns what the model uses in its place (LoRA). */
export type ParamHook = (scope: Scope, name: string, value: Tensor) => Tensor;

export interface ScopeOptions {
  readonly training: boolean;
  /** Path prefixes that never train: a frozen encoder keeps its running statistics. */
  readonly evaluated?: readonly string[];
  readonly hook?: ParamHook;
  /** Whether blocks are computed again in the backward pass. */
  readonly recompute?: boolean;
}

export interface Recording {
  readonly scope: Scope;
  readonly slots: ReadonlyMap<string, Slot>;
  readonly updates: ReadonlyMap<string, Tensor>;
  readonly dropouts: readonly Dropout[];
}

const ZERO: Init = { kind: "constant", value: 0 };

/** A root scope and what is recorded while it is traced. */
export function recordScope(options: ScopeOptions): Recording {
  const recording = { slots: new Map<string, Slot>(), updates: new Map<string, Tensor>(), dropouts: [] as Dropout[] };
  return { ...recording, scope: new RecordedScope("", options, { ...recording, again: undefined }) };
}

interface Records {
  readonly slots: Map<string, Slot>;
  readonly updates: Map<string, Tensor>;
  readonly dropouts: Dropout[];
  /** While a block is traced again: number of the next dropout mask. It takes those of the first time, and renews no statistics. */
  again: number | undefined;
}

class RecordedScope implements Scope {
  readonly training: boolean;

  constructor(
    readonly path: string,
    private readonly options: ScopeOptions,
    private readonly records: Records,
  ) {
    this.training =
      options.training && !(options.evaluated ?? []).some((prefix) => `${path}.`.startsWith(`${prefix}.`));
  }

  at(name: string): Scope {
    return new RecordedScope(this.full(name), this.options, this.records);
  }

  private full(name: string): string {
    return this.path ? `${this.path}.${name}` : name;
  }

  param(name: string, shape: Shape, init: Init = ZERO): Tensor {
    const value = this.slot(name, shape, init, true);
    const isNew = this.options.hook !== undefined && !name.startsWith("lora_");
    return isNew ? (this.options.hook as ParamHook)(this, name, value) : value;
  }

  buffer(name: string, shape: Shape, init: Init = ZERO): Tensor {
    return this.slot(name, shape, init, false);
  }

  private slot(name: string, shape: Shape, init: Init, trainable: boolean): Tensor {
    const full = this.full(name);
    const known = this.records.slots.get(full);
    if (known) {
      if (String(known.tensor.shape) !== String(shape)) {
        throw new Error(`internal: ${full} is asked for as [${shape}] and as [${known.tensor.shape}]`);
      }
      return known.tensor;
    }
    const tensor = g.param(full, shape);
    this.records.slots.set(full, { tensor, init, trainable });
    return tensor;
  }

  update(name: string, value: Tensor): void {
    if (this.records.again === undefined) this.records.updates.set(this.full(name), value);
  }

  dropout(x: Tensor, rate: number, shape: Shape = x.shape): Tensor {
    if (!this.training || rate === 0) return x;
    const { dropouts, again } = this.records;
    const name = `dropout/${again ?? dropouts.length}`;
    if (again === undefined) dropouts.push({ name, shape, rate });
    else this.records.again = again + 1;
    return g.mul(x, g.input(name, shape));
  }

  block(fn: (x: Tensor) => Tensor, x: Tensor): Tensor {
    const { records } = this;
    if (!this.options.recompute) return fn(x);
    const first = records.again ?? records.dropouts.length;
    const again = ([input]: readonly Tensor[]) => {
      records.again = first;
      try {
        return fn(input);
      } finally {
        records.again = undefined; // blocks are rebuilt one after the other
      }
    };
    return recompute(again, [x], fn(x));
  }
}

/** Values for slots, a pure function of (seed, name). */
export function initialise(slots: ReadonlyMap<string, Slot>, seed: number): StateDict {
  const state: StateDict = new Map();
  for (const [name, { tensor, init }] of slots) state.set(name, fillTensor(tensor.shape, init, seed, name));
  return state;
}

function fillTensor(shape: Shape, init: Init, seed: number, name: string): TensorData {
  const data = new Float32Array(sizeOf(shape));
  if (init.kind === "constant") return { data: data.fill(init.value), shape };
  const random = generator(seed, name);
  const { fanIn, fanOut } = fans(shape);
  const uniform = (bound: number) => {
    for (let i = 0; i < data.length; i++) data[i] = (2 * random.uniform() - 1) * bound; // half the time of data.map
    return data;
  };
  const normal = (std: number) => {
    for (let i = 0; i < data.length; i++) data[i] = random.normal() * std;
    return data;
  };
  switch (init.kind) {
    case "normal":
      return { data: normal(init.std), shape };
    case "truncated-normal":
      return { data: data.map(() => truncated(random.normal, init.std)), shape };
    case "uniform":
      return { data: uniform(init.bound), shape };
    case "kaiming-uniform": {
      const gain = Math.sqrt(2 / (1 + (init.a ?? 0) ** 2));
      return { data: uniform(gain * Math.sqrt(3 / (init.fan === "in" ? fanIn : fanOut))), shape };
    }
    case "kaiming-normal":
      return { data: normal(Math.sqrt(2 / (init.fan === "in" ? fanIn : fanOut))), shape };
    case "xavier-uniform":
      return { data: uniform(Math.sqrt(6 / (fanIn + fanOut))), shape };
  }
  return init satisfies never;
}

/** A normal value within two standard deviations of 0. */
function truncated(normal: () => number, std: number): number {
  for (;;) {
    const value = normal();
    if (Math.abs(value) <= 2) return value * std;
  }
}

/** torch.nn.init._calculate_fan_in_and_fan_out: [out, in, kernel...]. */
function fans(shape: Shape): { fanIn: number; fanOut: number } {
  const kernel = sizeOf(shape.slice(2));
  return { fanIn: (shape[1] ?? 1) * kernel, fanOut: (shape[0] ?? 1) * kernel };
}
