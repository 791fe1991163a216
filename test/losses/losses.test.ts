/**
 * @file Every loss, value and gradient, on both engines against segmentation_models.pytorch 0.6.0 and torch in float64
 * (test/fixtures/losses.py). Tolerance: value 1e-6 of max(1, value), gradient 1e-5 of its largest entry.
 * Where ours deviates from SMP on purpose the tests say so; docs/from-smp.md lists it for users.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { losses } from "../../src/catalog.js";
import { IGNORE } from "../../src/contract.js";
import { createEngine, type Engine } from "../../src/engine/index.js";
import * as g from "../../src/graph/functions.js";
import { grad } from "../../src/graph/grad.js";
import { sizeOf } from "../../src/graph/tensor.js";
import { parseLoss } from "../../src/loss-sum.js";
import { assertClose, largest } from "../support/close.js";
import { fill, fillIntegers } from "../support/filler.js";
import { runOnce } from "../support/traced.js";

type ModeName = "binary" | "multiclass";
interface Mode {
  readonly shape: number[];
  readonly weights: number[];
  readonly seed: number;
}
interface Scenario {
  readonly ignoreOneIn?: number;
  readonly absent?: boolean;
  readonly extreme?: boolean;
  readonly weights?: boolean;
}
interface Case {
  readonly mode: ModeName;
  readonly scenario: string;
  readonly loss: string;
  readonly options: Record<string, Record<string, number | boolean>>;
  readonly value: number;
  readonly gradient: number[];
  /** SMP's own value where it means something else. */
  readonly upstream?: number;
}
interface Fixture {
  readonly modes: Record<ModeName, Mode>;
  readonly scenarios: Record<string, Scenario>;
  readonly cases: Case[];
  readonly allIgnored: Record<string, number | string>;
  readonly crashes: Record<string, string>;
}
const { modes, scenarios, cases, allIgnored, crashes }: Fixture = JSON.parse(
  readFileSync(new URL("../fixtures/losses.json", import.meta.url), "utf8"),
);

interface Input {
  readonly logits: Float32Array;
  readonly labels: Int32Array;
  readonly weights?: number[];
}

/** As `inputs` of losses.py. */
function inputOf(mode: ModeName, scenario: Scenario): Input {
  const { shape, seed, weights } = modes[mode];
  const [B, C, H, W] = shape;
  const logits = fill(seed, sizeOf(shape), scenario.extreme ? 80 : 8);
  if (scenario.extreme) for (let i = 0; i < logits.length; i += 3) logits[i] = logits[i] < 0 ? -40 : 40;
  const last = Math.max(C, 2) - 1;
  const drawn = fillIntegers(seed + 1, B * H * W, last + 1);
  const hidden = scenario.ignoreOneIn ? fillIntegers(seed + 2, drawn.length, scenario.ignoreOneIn) : undefined;
  const labels = drawn.map((label, i) => {
    if (hidden?.[i] === 0) return IGNORE;
    return scenario.absent && label === last ? 0 : label;
  });
  return { logits, labels, ...(scenario.weights && { weights }) };
}

async function lossOf(engine: Engine, mode: ModeName, text: string, options: Case["options"], input: Input) {
  const { shape } = modes[mode];
  const [B, , H, W] = shape;
  const logits = g.input("logits", shape);
  const labels = g.input("labels", [B, H, W], "int32");
  const loss = parseLoss(text, options)({ logits, labels, classWeights: input.weights });
  const feeds = {
    logits: { data: input.logits, shape },
    labels: { data: input.labels, shape: [B, H, W] },
  };
  const { value, gradient } = await runOnce(engine, { value: loss, gradient: grad(loss, [logits])[0] }, feeds);
  assert.deepEqual([...value.shape], []);
  return { value: value.data[0], gradient: gradient.data };
}

const optionsText = (options: Case["options"]) => (Object.keys(options).length ? ` ${JSON.stringify(options)}` : "");

for (const name of ["onnx", "tfjs"] as const) {
  describe(`losses on ${name}`, async () => {
    const engine = await createEngine(name, { threads: 1 });
    for (const { mode, scenario, loss, options, ...golden } of cases) {
      test(`${loss}${optionsText(options)}, ${mode}, ${scenario}`, async () => {
        const input = inputOf(mode, scenarios[scenario]);
        const { value, gradient } = await lossOf(engine, mode, loss, options, input);
        assertClose([value], [golden.value], 1e-6 * Math.max(1, Math.abs(golden.value)), "value");
        assertClose(gradient, golden.gradient, 1e-5 * largest(golden.gradient), "gradient");
      });
    }
    for (const [mode, { shape, weights }] of Object.entries(modes) as [ModeName, Mode][]) {
      for (const loss of losses.names()) {
        test(`${loss}, ${mode}: 0 with a zero gradient where every pixel is ignored`, async () => {
          const { logits, labels } = inputOf(mode, scenarios.extreme);
          labels.fill(IGNORE);
          for (const classWeights of [undefined, weights]) {
            const { value, gradient } = await lossOf(engine, mode, loss, {}, { logits, labels, weights: classWeights });
            assert.equal(value, 0);
            assert.deepEqual(gradient, new Float32Array(sizeOf(shape)));
          }
        });
      }
    }
  });
}

describe("on purpose unlike SMP", async () => {
  const engine = await createEngine("onnx", { threads: 1 });

  test("ce and bce: ignored pixels leave the denominator of the mean", async () => {
    const differing = cases.filter(({ upstream }) => upstream !== undefined);
    assert.ok(differing.some(({ scenario }) => scenario === "ignored"));
    for (const { mode, scenario, loss, options, upstream = 0 } of differing) {
      const input = inputOf(mode, scenarios[scenario]);
      const kept = input.labels.filter((label) => label !== IGNORE).length;
      const { value } = await lossOf(engine, mode, loss, options, input);
      const smp = value * (kept / input.labels.length);
      assertClose([smp], [upstream], 1e-6 * Math.max(1, upstream), `${loss}, ${mode}, ${scenario}`);
    }
  });

  test("where SMP gives no 0 for an image of ignored pixels, the table says so", () => {
    const unlike = Object.entries(allIgnored).filter(([, value]) => value !== 0);
    assert.deepEqual(Object.fromEntries(unlike), {
      "ce, binary": "nan",
      "bce, binary": "nan",
      "focal, binary": "nan",
      "mcc, binary": 1,
      "ce, multiclass": "nan",
      "bce, multiclass": "nan",
      "focal, multiclass": "nan",
      "lovasz, multiclass": "tensor of shape [0, 4]",
      "mcc, multiclass": 1,
    });
  });

  test("what SMP refuses works here", async () => {
    assert.deepEqual(crashes, {
      "SoftCrossEntropyLoss() with its default smooth_factor": "TypeError",
      "MCCLoss of three classes": "RuntimeError",
      "DiceLoss binary with class_weights": "ValueError",
      "FocalLoss multilabel with ignore_index": "IndexError",
    });
    const weighted = inputOf("binary", scenarios.weights);
    const plain = { ...weighted, weights: undefined };
    for (const loss of ["dice", "jaccard", "tversky", "focal", "lovasz", "mcc"]) {
      const [a, b] = [weighted, plain].map((input) => lossOf(engine, "binary", loss, {}, input));
      assert.deepEqual(await a, await b, `${loss}: class weights mean nothing to one channel`);
    }
  });

  test("focal with gamma 0 is the binary cross-entropy, also where it is saturated", async () => {
    const input = inputOf("binary", scenarios.extreme);
    const focal = await lossOf(engine, "binary", "focal", { focal: { gamma: 0 } }, input);
    const bce = await lossOf(engine, "binary", "bce", {}, input);
    assertClose([focal.value], [bce.value], 1e-6 * bce.value, "value");
    assertClose(focal.gradient, bce.gradient, 1e-5 * largest(bce.gradient), "gradient");
    const root = await lossOf(engine, "binary", "focal", { focal: { gamma: 0.5 } }, input);
    assert.ok(root.gradient.every(Number.isFinite), "gamma 0.5, where SMP gives NaN");
  });
});

test("every loss has cases", () => {
  const used = new Set(cases.flatMap(({ loss }) => loss.split("+").map((term) => term.split("*").at(-1)?.trim())));
  assert.deepEqual([...used].sort(), losses.names().sort());
});
