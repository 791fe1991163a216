/**
 * @file Confusion matrices and scores of 30 random label pairs against segmentation_models.pytorch's get_stats and scores in float64
 * (test/fixtures/metrics.py): counts exact, scores to 1e-12.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { IGNORE } from "../../src/contract.js";
import { addToConfusion, type Confusion, confusion, confusionRows, scoresOf } from "../../src/metrics.js";
import { fillIntegers } from "../support/filler.js";

type PerClass = (number | null)[];
interface Golden {
  readonly seed: number;
  readonly classes: number;
  /** Images, height, width. */
  readonly shape: [number, number, number];
  readonly missing: number;
  readonly tp: number[];
  readonly fp: number[];
  readonly fn: number[];
  readonly tn: number[];
  readonly matrix: number[][];
  readonly iou: PerClass;
  readonly f1: PerClass;
  readonly precision: PerClass;
  readonly recall: PerClass;
  readonly ignored: number;
  readonly mIoU: number;
  readonly meanF1: number;
  readonly absent: number;
  readonly pixelAccuracy: number;
  /** SMP's macro mean of the same counts. */
  readonly smpMacro: number;
  readonly majorityShare: number;
  readonly majorityMIoU: number;
}
const goldens: Golden[] = JSON.parse(readFileSync(new URL("../fixtures/metrics.json", import.meta.url), "utf8"));

/** As `pair` of metrics.py. */
function pairOf({ seed, classes, shape, missing }: Golden, index: number) {
  const count = shape[0] * shape[1] * shape[2];
  const [truth, coin, other] = [classes, 3, classes].map((below, i) => fillIntegers(seed + i, count, below));
  const moved = (label: number) => (label === missing ? (missing + 1) % classes : label);
  const predicted = truth.map((label, i) => (coin[i] === 0 ? other[i] : label));
  const predictions = index % 3 === 0 ? predicted.map(moved) : predicted;
  const labels = index % 3 === 0 || index % 5 === 0 ? truth.map(moved) : truth;
  const hidden = fillIntegers(seed + 3, count, 4);
  return {
    labels: index % 2 === 0 ? labels.map((label, i) => (hidden[i] === 0 ? IGNORE : label)) : labels,
    predictions,
  };
}

/** Image by image, as validation does. */
function matrixOf(golden: Golden, index: number): Confusion {
  const { labels, predictions } = pairOf(golden, index);
  const matrix = confusion(golden.classes);
  const size = golden.shape[1] * golden.shape[2];
  for (let at = 0; at < labels.length; at += size) {
    addToConfusion(matrix, labels.subarray(at, at + size), predictions.subarray(at, at + size));
  }
  return matrix;
}

const close = (a: number | null, b: number | null) => a === b || (a !== null && b !== null && Math.abs(a - b) <= 1e-12);

describe("metrics against SMP", () => {
  for (const [index, golden] of goldens.entries()) {
    test(`pair ${index}: ${golden.classes} classes, ${golden.absent} absent, ${golden.ignored} pixels ignored`, () => {
      const matrix = matrixOf(golden, index);
      assert.deepEqual(confusionRows(matrix), golden.matrix);
      assert.equal(matrix.ignored, golden.ignored);
      golden.tp.forEach((tp, c) => {
        assert.equal(tp, golden.matrix[c][c], "SMP counts the same true positives");
        assert.equal(
          golden.fp[c] + tp,
          golden.matrix.reduce((sum, row) => sum + row[c], 0),
        );
        assert.equal(
          golden.fn[c] + tp,
          golden.matrix[c].reduce((sum, count) => sum + count),
        );
      });
      const scores = scoresOf(matrix);
      for (const name of ["iou", "f1", "precision", "recall"] as const) {
        assert.equal(scores[name].length, golden.classes);
        for (const [c, value] of scores[name].entries()) {
          assert.ok(close(value, golden[name][c]), `${name} of ${c}: ${value}, expected ${golden[name][c]}`);
        }
      }
      for (const name of ["mIoU", "meanF1", "pixelAccuracy", "majorityShare", "majorityMIoU"] as const) {
        assert.ok(close(scores[name], golden[name]), `${name}: ${scores[name]}, expected ${golden[name]}`);
      }
      assert.equal(scores.absentClasses, golden.absent);
    });
  }

  test("a class that is nowhere is left out here and counts 1 in SMP's macro mean", () => {
    const lacking = goldens.filter(({ absent }) => absent > 0);
    assert.ok(lacking.length >= 5);
    for (const { mIoU, absent, classes, smpMacro } of lacking) {
      assert.ok(close((mIoU * (classes - absent) + absent) / classes, smpMacro));
    }
  });

  test("nothing but ignored pixels: no scores", () => {
    const matrix = confusion(3);
    addToConfusion(matrix, [IGNORE, IGNORE], [0, 2]);
    const { mIoU, pixelAccuracy, majorityMIoU, absentClasses } = scoresOf(matrix);
    assert.deepEqual([mIoU, pixelAccuracy, majorityMIoU, absentClasses], [null, null, null, 3]);
  });

  test("counts beyond 2^24, where SMP's saturate, stay exact", () => {
    const matrix = confusion(2);
    matrix.counts[0] = 2 ** 40;
    addToConfusion(matrix, [0, 0, 1], [0, 0, 1]);
    assert.deepEqual(confusionRows(matrix), [
      [2 ** 40 + 2, 0],
      [0, 1],
    ]);
  });
});
