/** @file Weighted sums of losses: `ce`, `ce+dice`, `0.5*ce + 2*lovasz`. */
import { losses } from "./catalog.js";
import type { Loss, LossInput } from "./contract.js";
import { SegError } from "./errors.js";
import * as g from "./graph/functions.js";
import type { Tensor } from "./graph/tensor.js";
import { unknownName } from "./registry.js";

/** What a run minimises. */
export type LossFunction = (input: LossInput) => Tensor;

/**
 * Parses a loss or a sum of losses. `options`: values by loss name, e.g. `{ dice: { smooth: 1 } }`. Throws SegError on an unknown name or option.
 */
export function parseLoss(text: string, options: Readonly<Record<string, unknown>> = {}): LossFunction {
  const terms = text.split("+").map((term) => parseTerm(term, text));
  const stray = Object.keys(options).find((name) => !terms.some((term) => term.name === name));
  if (stray)
    throw unknownName(
      `loss in "${text}"`,
      stray,
      terms.map((term) => term.name),
    );
  const parts = terms.map(({ weight, name }) => {
    const loss = losses.get(name);
    return { weight, loss, options: lossOptions(name, loss, options[name]) };
  });
  return (input) =>
    parts
      .map(({ weight, loss, options: values }) => {
        const value = loss.forward(input, values);
        return weight === 1 ? value : g.mul(value, weight);
      })
      .reduce((sum, term) => g.add(sum, term));
}

function parseTerm(term: string, text: string): { weight: number; name: string } {
  const match = /^\s*(?:([0-9.eE-]+)\s*\*\s*)?([A-Za-z][\w-]*)\s*$/.exec(term);
  const weight = Number(match?.[1] ?? 1);
  if (!match || !Number.isFinite(weight)) {
    throw new SegError(`--loss ${text}`, `cannot be read at "${term.trim()}"`, "write it like ce or 0.5*ce+dice");
  }
  return { weight, name: match[2] };
}

function lossOptions(name: string, loss: Loss, given: unknown): Record<string, unknown> {
  const defaults = loss.defaults as Record<string, unknown>;
  if (given === undefined) return defaults;
  if (typeof given !== "object" || given === null) {
    throw new SegError(`loss.${name}`, "is not a set of options", `write it like loss.${name}.OPTION`);
  }
  for (const [key, value] of Object.entries(given)) {
    if (!(key in defaults)) throw unknownName(`option of loss ${name}`, key, Object.keys(defaults));
    if (typeof value !== typeof defaults[key]) {
      throw new SegError(`loss.${name}.${key}`, `${JSON.stringify(value)} is no ${typeof defaults[key]}`, "give one");
    }
  }
  return { ...defaults, ...given };
}
