/** @file Tiles and bytes on their way to the viewer's page: what is asked for, kept, dropped, tried again. */
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { createNotices, faultLine } from "../../src/view/page/notices.js";
import { createPieces } from "../../src/view/page/pieces.js";
import { createTileCache } from "../../src/view/page/tile-cache.js";

/** A cache of 10 bytes whose tiles arrive when the test says so. */
function heldCache() {
  const held = new Map<string, { give: (tile: string) => void; fail: () => void; signal: AbortSignal }>();
  const dropped: string[] = [];
  const cache = createTileCache<string>({
    fetch: (key, signal) =>
      new Promise((resolve, reject) => {
        const end = (act: () => void) => {
          held.delete(key);
          act();
        };
        const give = (tile: string) => end(() => resolve(tile));
        held.set(key, { give, fail: () => end(() => reject(new Error(`no ${key}`))), signal });
        signal.addEventListener("abort", () => end(() => reject(signal.reason)));
      }),
    ...{ cost: (tile: string) => tile.length, drop: (tile) => void dropped.push(tile) },
    ...{ budget: 10, concurrency: 2, retryAfter: 1000, onTile: () => {} },
  });
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  const give = async (key: string, tile: string) => {
    held.get(key)?.give(tile);
    await settle();
  };
  const fail = async (key: string) => {
    held.get(key)?.fail();
    await settle();
  };
  return { cache, held, dropped, settle, give, fail };
}

test("tiles: two at a time in the order wanted, others stopped", async () => {
  const { cache, held, settle, give } = heldCache();
  cache.want(["a", "b", "c"]);
  assert.deepEqual([...held.keys()], ["a", "b"]);
  await give("a", "aaaa");
  assert.deepEqual([[...held.keys()], cache.get("a")], [["b", "c"], "aaaa"]);
  const stopped = held.get("b")?.signal;
  cache.want(["c", "d"]);
  await settle();
  assert.deepEqual([stopped?.aborted, [...held.keys()].sort()], [true, ["c", "d"]]);
  assert.equal(cache.fault(), undefined, "to be stopped is no fault");
});

test("tiles: those nobody looks at are dropped, the least used first; wanted ones stay and are loaded once", async () => {
  const { cache, held, dropped, settle, give } = heldCache();
  cache.want(["a", "b"]);
  await give("a", "aaaa");
  await give("b", "bbbb");
  cache.get("a");
  cache.want(["c"]);
  await give("c", "cccc");
  assert.deepEqual([dropped, cache.get("a")], [["bbbb"], "aaaa"]);
  cache.want(["a", "c", "d"]);
  await give("d", "dddd");
  const tiles = ["a", "c", "d"].map((key) => cache.get(key));
  assert.deepEqual(tiles, ["aaaa", "cccc", "dddd"]); // 12 bytes, all of them in view
  assert.deepEqual([held.size, cache.isWaiting()], [0, false]);
  const read = cache.load("e", new AbortController().signal);
  await settle();
  await give("e", "ee");
  assert.equal(await read, "ee");
  assert.deepEqual(
    ["a", "c", "d"].every((key) => cache.get(key) !== undefined),
    true,
  );
  cache.want([]);
  cache.want(["f"]);
  await give("f", "ffffff");
  assert.deepEqual([[...dropped].sort(), cache.get("f")], [["aaaa", "bbbb", "cccc", "ee"], "ffffff"]);
});

test("tiles: a failure is tried again twice, then told until the tile comes or is no longer looked at", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { cache, held, settle, give, fail } = heldCache();
  const failThrice = async () => {
    for (let i = 0; i < 3; i++) {
      assert.deepEqual([cache.isWaiting(), cache.fault()], [true, undefined]);
      await fail("e");
    }
    assert.deepEqual([cache.isWaiting(), String(cache.fault()), held.size], [false, "Error: no e", 0]);
  };
  cache.want(["e"]);
  await failThrice();
  t.mock.timers.tick(500);
  cache.want(["g"]);
  assert.equal(cache.fault(), undefined);
  cache.want(["e"]);
  await settle();
  await failThrice();
  t.mock.timers.tick(500); // the first look's while is over, but not this one's
  assert.equal(held.size, 0);
  t.mock.timers.tick(500);
  assert.deepEqual([held.size, cache.isWaiting(), String(cache.fault())], [1, true, "Error: no e"]);
  await fail("e");
  assert.deepEqual([cache.isWaiting(), String(cache.fault())], [false, "Error: no e"]);
  t.mock.timers.tick(1000);
  await give("e", "eeee");
  assert.deepEqual([cache.get("e"), cache.fault()], ["eeee", undefined]);
});

const PIECE = 32_768;

/** Answers range requests from bytes as a server does; counts them. */
function serve(bytes: Uint8Array): { count: number } {
  const asked = { count: 0 };
  const answer = async (_url: unknown, init?: RequestInit) => {
    asked.count++;
    const range = /^bytes=(\d+)-(\d+)$/.exec(new Headers(init?.headers).get("range") ?? "");
    const [first, last] = (range ?? []).slice(1).map(Number);
    if (first >= bytes.length) return new Response(null, { status: 416 });
    return new Response(Buffer.from(bytes.subarray(first, last + 1)), { status: 206 });
  };
  mock.method(globalThis, "fetch", answer);
  return asked;
}

test("slices of a file: longer than what is kept, over its end, beyond it; pieces at hand are not asked for again", async (t) => {
  t.after(() => mock.restoreAll());
  const bytes = new Uint8Array(600 * PIECE + 100).map((_, i) => i * 31 + (i >> 15));
  const asked = serve(bytes);
  let read = 0;
  const pieces = createPieces("map.tif", (count) => {
    read += count;
  });
  const slice = async (offset: number, length: number) => new Uint8Array((await pieces.fetch([{ offset, length }]))[0]);
  const long = await slice(PIECE + 7, 580 * PIECE);
  assert.ok(Buffer.from(long).equals(bytes.subarray(PIECE + 7, 581 * PIECE + 7)), "19 MB");
  assert.deepEqual([asked.count, read], [1, 581 * PIECE]);
  assert.deepEqual(await slice(580 * PIECE - 5, 10), bytes.slice(580 * PIECE - 5, 580 * PIECE + 5));
  assert.equal(asked.count, 1);
  const over = await slice(600 * PIECE + 90, 3 * PIECE);
  assert.deepEqual([...over.subarray(0, 10)], [...bytes.subarray(-10)]);
  assert.ok(over.subarray(10).every((value) => value === 0));
  assert.ok(
    (await slice(601 * PIECE, PIECE)).every((value) => value === 0),
    "beyond the end",
  );
});

test("a slice at the very end of a file that ends with a piece", async (t) => {
  t.after(() => mock.restoreAll());
  const bytes = new Uint8Array(2 * PIECE).fill(5);
  serve(bytes);
  const pieces = createPieces("map.tif", () => {});
  await pieces.fetch([{ offset: 0, length: 2 * PIECE }]);
  const [end] = await pieces.fetch([{ offset: 2 * PIECE - 4, length: 8 }]);
  assert.deepEqual([...new Uint8Array(end)], [5, 5, 5, 5, 0, 0, 0, 0]);
});

test("notices: one line for each matter, the weightiest shown, none when all are over", () => {
  const place = { hidden: true, textContent: "" };
  const tell = createNotices(place);
  tell("size", "zoom in");
  tell("tiles", faultLine("No tile", new Error("gone")));
  assert.deepEqual(place, { hidden: false, textContent: "No tile: gone" });
  tell("tiles", undefined);
  assert.deepEqual(place, { hidden: false, textContent: "zoom in" });
  tell("size", undefined);
  assert.deepEqual(place, { hidden: true, textContent: "" });
});
