/** @file The parts of the viewer's page that need no browser: the view, the blocks it needs, tiles on their way, colours. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { classColours, greyRamp, paintBand } from "../../src/view/page/colours.js";
import {
  coverOf,
  extentOf,
  factorsOf,
  keyOf,
  type Level,
  levelFor,
  stepOf,
  visibleCells,
} from "../../src/view/page/pyramid.js";
import { fit, MOST_ZOOM, pan, toMap, toScreen, zoomAt } from "../../src/view/page/viewport.js";
import { assertClose } from "../support/close.js";
import { fill } from "../support/filler.js";

const MAP = { width: 40_000, height: 30_000 };
const SCREEN = { width: 1000, height: 800 };

test("zooming keeps what lies under the cursor, moving moves by device pixels, and the map is never lost", () => {
  const start = fit(MAP, SCREEN);
  assert.ok(start.zoom * MAP.width <= SCREEN.width && start.zoom * MAP.height <= SCREEN.height);
  const at = { x: 700, y: 300 };
  const near = zoomAt(start, MAP, SCREEN, at, 20);
  const [before, after] = [start, near].map((view) => toMap(view, SCREEN, at));
  assertClose([after.x, after.y], [before.x, before.y], 1e-6, "under the cursor");
  const back = toScreen(near, SCREEN, after);
  assertClose([back.x, back.y], [at.x, at.y], 1e-6, "there and back");
  const moved = toScreen(pan(near, MAP, 30, -12), SCREEN, after);
  assertClose([moved.x, moved.y], [at.x + 30, at.y - 12], 1e-6, "moved");
  assert.equal(zoomAt(near, MAP, SCREEN, at, 1e9).zoom, MOST_ZOOM);
  const far = pan(near, MAP, 1e9, -1e9);
  assert.deepEqual([far.x, far.y], [0, MAP.height]);
});

/** A map of 40,000 x 30,000 in blocks of 512 and its reduced copies. */
const LEVELS: readonly Level[] = [1, 2, 4, 8, 16, 32, 64, 128].map((factor) => ({
  ...{ factorX: factor, factorY: factor, blockWidth: 512, blockHeight: 512 },
  ...{ width: Math.ceil(MAP.width / factor), height: Math.ceil(MAP.height / factor) },
}));

test("the blocks of a view cover the screen, and are few at every zoom", () => {
  const picks = fill(3, 900, 1).map((value) => value + 0.5);
  for (let i = 0; i < picks.length; i += 3) {
    const zoom = 2 ** (-6 + 12 * picks[i]);
    const view = { x: picks[i + 1] * MAP.width, y: picks[i + 2] * MAP.height, zoom };
    const level = levelFor(LEVELS, zoom);
    assert.ok(level === 0 || stepOf(LEVELS[level]) * zoom <= Math.SQRT2);
    const { cells, isCut } = visibleCells(LEVELS, level, view, SCREEN, 30);
    assert.equal(isCut, false);
    assert.ok(cells.length <= 30, `${cells.length} blocks at ${zoom}`);
    const extents = cells.map((cell) => extentOf(LEVELS, cell));
    for (const corner of [
      { x: 0, y: 0 },
      { x: 999, y: 799 },
      { x: 500, y: 400 },
    ]) {
      const { x, y } = toMap(view, SCREEN, corner);
      const isOnMap = x >= 0 && y >= 0 && x < MAP.width && y < MAP.height;
      const holds = extents.some((one) => x >= one.x && x < one.right && y >= one.y && y < one.bottom);
      assert.equal(holds, isOnMap, `${x}, ${y} at ${zoom}`);
    }
  }
});

test("what covers a block in a coarser level holds all of it", () => {
  for (const cell of [
    { level: 0, column: 0, row: 0 },
    { level: 0, column: 78, row: 58 },
    { level: 2, column: 5, row: 9 },
  ]) {
    const { x, y, right, bottom } = extentOf(LEVELS, cell);
    for (let level = cell.level + 1; level < LEVELS.length; level++) {
      const extents = coverOf(LEVELS, cell, level).map((other) => extentOf(LEVELS, other));
      assert.ok(
        Math.min(...extents.map((one) => one.x)) <= x &&
          Math.max(...extents.map((one) => one.right)) >= Math.min(right, MAP.width),
      );
      assert.ok(
        Math.min(...extents.map((one) => one.y)) <= y &&
          Math.max(...extents.map((one) => one.bottom)) >= Math.min(bottom, MAP.height),
      );
    }
  }
});

test("of more blocks than can be held those around the middle are asked for, never more", () => {
  const flat: Level = { factorX: 1, factorY: 1, width: 40_000, height: 30_000, blockWidth: 256, blockHeight: 256 };
  for (const [width, height] of [
    [40_000, 30_000],
    [40_000, 200],
    [200, 30_000],
  ]) {
    const map = { width, height };
    const view = { ...fit(map, SCREEN), x: 0.4 * width };
    const whole = visibleCells([{ ...flat, ...map }], 0, view, SCREEN);
    const { cells, isCut } = visibleCells([{ ...flat, ...map }], 0, view, SCREEN, 100);
    assert.deepEqual([isCut, whole.isCut], [true, false]);
    assert.ok(cells.length > 80 && cells.length <= 100, `${cells.length} blocks`);
    assert.deepEqual(cells[0], whole.cells[0]);
    const known = new Set(whole.cells.map(keyOf));
    assert.ok(cells.every((cell) => known.has(keyOf(cell))));
    assert.equal(new Set(cells.map(keyOf)).size, cells.length);
  }
});

test("reduced copies by any step lie where they belong: sizes rounded up or down, long narrow maps, sizes of no step", () => {
  const factors = (full: readonly number[], copy: readonly number[]) => {
    const [a, b] = [full, copy].map(([width, height]) => ({ width, height }));
    return Object.values(factorsOf(a, b));
  };
  for (const step of [2, 3, 5, 16]) {
    for (const full of [
      [1000, 701],
      [701, 1000],
      [10, 9999],
      [40_001, 7],
    ]) {
      const sizes = (round: (value: number) => number) => full.map((length) => Math.max(1, round(length / step)));
      assert.deepEqual(factors(full, sizes(Math.ceil)), [step, step], `${full} by ${step}`);
      if (Math.min(...full) >= step) assert.deepEqual(factors(full, sizes(Math.floor)), [step, step]);
    }
  }
  assert.deepEqual(factors([1000, 800], [400, 200]), [2.5, 4]);
  const third: Level = {
    width: 334,
    height: 234,
    ...factorsOf({ width: 1000, height: 701 }, { width: 334, height: 234 }),
    blockWidth: 256,
    blockHeight: 256,
  };
  const { x, y, right, bottom } = extentOf([third], { level: 0, column: 1, row: 0 });
  assert.deepEqual([x, y, right, bottom], [768, 0, 1002, 702]);
});

test("colours: hidden classes and unknown values are transparent, greys run from black to white", () => {
  const classes = [
    { value: 0, name: "a", color: [1, 2, 3] },
    { value: 4, name: "b", color: [250, 0, 9] },
  ] as const;
  const block = { data: Uint8Array.of(0, 4, 255, 7), width: 2, height: 2, bands: 1 };
  const paint = (hidden: number[]) => [...paintBand(block, 0, classColours(classes, new Set(hidden)))];
  assert.deepEqual(paint([]), [1, 2, 3, 255, 250, 0, 9, 255, 0, 0, 0, 0, 0, 0, 0, 0]);
  assert.deepEqual(paint([4]).slice(4, 8), [0, 0, 0, 0]);
  const stepped = { scale: 1 / 254, offset: 0 };
  const greys = { data: Uint8Array.of(9, 0, 9, 127, 9, 254, 9, 255), width: 4, height: 1, bands: 2 };
  assert.deepEqual(
    [...paintBand(greys, 1, greyRamp(stepped, 255))],
    [0, 0, 0, 255, 128, 128, 128, 255, 255, 255, 255, 255, 0, 0, 0, 0],
  );
  const floats = { data: Float32Array.of(0.5, Number.NaN, 2, -9999), width: 4, height: 1, bands: 1 };
  assert.deepEqual(
    [...paintBand(floats, 0, greyRamp({ scale: 1, offset: 0 }, -9999))],
    [128, 128, 128, 255, 0, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0],
  );
  const words = { data: Uint16Array.of(0, 5000, 10_000, 65_535), width: 4, height: 1, bands: 1 };
  assert.deepEqual(
    [...paintBand(words, 0, greyRamp({ scale: 5e-5, offset: 0.5 }, 65_535))].filter(
      (_, i) => i % 4 !== 1 && i % 4 !== 2,
    ),
    [128, 255, 191, 255, 255, 255, 0, 0],
  );
});
