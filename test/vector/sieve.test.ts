/** @file The sieve against a plain one that merges on the whole map at once, and its promises. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { silent, Stopped } from "../../src/talk.js";
import { blobs, type ClassMap, drawn, flooded, MAPS, neighbours, patches, regionsOf } from "../support/class-maps.js";

/** The rule by the letter: one merge at a time, everything reckoned anew on the map. */
function plainSieve(map: ClassMap, limit: number): ClassMap {
  const { width, height } = map;
  const data = map.data.slice();
  for (;;) {
    const labels = flooded({ width, height, data });
    const sizes = new Map<number, number>();
    const borders = new Map<number, Map<number, number>>();
    for (let at = 0; at < labels.length; at++) {
      if (labels[at] === 0) continue;
      sizes.set(labels[at], (sizes.get(labels[at]) ?? 0) + 1);
      const own = borders.get(labels[at]) ?? new Map<number, number>();
      borders.set(labels[at], own);
      for (const next of neighbours(at, width, height))
        if (labels[next] !== labels[at] && labels[next] !== 0) own.set(labels[next], (own.get(labels[next]) ?? 0) + 1);
    }
    const small = [...sizes].filter(([label, size]) => size < limit && borders.get(label)!.size > 0);
    if (small.length === 0) return { width, height, data };
    const [[smallest]] = small.sort(([a, sizeA], [b, sizeB]) => sizeA - sizeB || a - b);
    const classOf = (label: number) => data[labels.indexOf(label)];
    const candidates = [...borders.get(smallest)!].sort(
      ([a, lengthA], [b, lengthB]) => lengthB - lengthA || classOf(a) - classOf(b) || a - b,
    );
    const value = classOf(candidates[0][0]);
    for (let at = 0; at < labels.length; at++) if (labels[at] === smallest) data[at] = value;
  }
}

const CASES: Readonly<Record<string, ClassMap>> = {
  ...MAPS,
  "small noise": patches(24, 20, 1, 4, 31),
  "small noise with nodata": patches(22, 22, 1, 4, 32, true),
  "small patches": patches(30, 28, 2, 5, 33, true),
  "small blobs": blobs(40, 36, 5, 34),
};

test("regions after the sieve are those of the plain one", async () => {
  for (const [name, map] of Object.entries(CASES)) {
    if (map.width * map.height > 1300) continue; // the plain one is slow
    for (const minArea of [2, 5, 13, 1000]) {
      const sieved = plainSieve(map, minArea);
      const expected = await regionsOf(sieved);
      assert.deepEqual(byPlace(await regionsOf(map, { minArea })), byPlace(expected), `${name} below ${minArea}`);
    }
  }
});

const byPlace = (regions: Awaited<ReturnType<typeof regionsOf>>) =>
  regions
    .map(({ classId, pixels, rings }) => ({ classId, pixels, holes: rings.holes.length, corners: cornersOf(rings) }))
    .sort((a, b) => (a.corners < b.corners ? -1 : 1));

const cornersOf = ({ exterior }: { exterior: readonly number[] }) =>
  Array.from({ length: exterior.length / 2 }, (_, i) => `${exterior[2 * i]},${exterior[2 * i + 1]}`)
    .sort()
    .join(" ");

test("chains of small regions merge, ties go to the smaller class, nodata is no neighbour", async () => {
  const classes = async (map: ClassMap, minArea: number) =>
    (await regionsOf(map, { minArea })).map(({ classId, pixels }) => [classId, pixels]);
  assert.deepEqual((await classes(drawn("3331222"), 2)).sort(), [
    [2, 4],
    [3, 3],
  ]);
  assert.deepEqual(await classes(drawn("12345", "99999"), 5), [
    [2, 5],
    [9, 5],
  ]);
  assert.deepEqual(await classes(drawn("12345", "99999"), 6), [[9, 10]]);
  assert.deepEqual(await classes(drawn("1.2", "...", "3.."), 9), [
    [1, 1],
    [2, 1],
    [3, 1],
  ]);
  assert.deepEqual(await classes(drawn("111", "121", "111"), 2), [[1, 9]]);
});

test("the sieve of many regions lets a stop in between", async () => {
  let turns = 0;
  const breathe = async () => {
    if (++turns === 3) throw new Stopped("SIGINT"); // after the two of the passes before it, for the map is one band
  };
  const work = regionsOf(patches(220, 220, 1, 9, 35), { minArea: 10, talk: { ...silent, breathe } }, 220);
  await assert.rejects(work, Stopped);
});

test("a limit in square metres weighs rows by their pixels", async () => {
  const map = drawn("1112", "1111", "1111", "3111");
  const options = { minArea: 2, minAreaIn: "cellArea" as const, cellArea: (row: number) => row + 1 };
  assert.deepEqual(
    (await regionsOf(map, options)).map(({ classId, pixels }) => [classId, pixels]),
    [
      [1, 15],
      [3, 1],
    ],
  );
});
