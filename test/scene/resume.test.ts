/**
 * @file A scene's run that is killed goes on to the bytes of an unbroken one: SIGKILL at random moments, a torn journal, changed inputs and parameters, a
 * damaged spool, two runs at once, a full disk.
 */
import assert from "node:assert/strict";
import { appendFile, cp, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { sha256File } from "../../src/files.js";
import { generator } from "../../src/random.js";
import { startSeg } from "../run/kill.js";
import { seg } from "../support/cli.js";
import { withFolder } from "../support/folder.js";
import { noise, writeScene } from "../support/geo-files.js";
import { saveTinyModel } from "../support/geo-model.js";

const [WIDTH, HEIGHT] = [420, 2100];
const KILLS = 20;
const WINDOWS = ["--tile", "96", "--prob", "confidence,disagreement", "--threads", "1"];

/** A tall scene with a hole of no data, and a model. */
async function writeInputs(folder: string): Promise<void> {
  const data = noise(WIDTH, HEIGHT, 3, 9);
  for (let y = 300; y < 700; y++) data.fill(0, y * WIDTH * 3, (y * WIDTH + 260) * 3);
  await writeScene(join(folder, "scene.tif"), [WIDTH, HEIGHT, 3], data, { nodata: 0 });
  await saveTinyModel(join(folder, "model.safetensors"));
}

const argsFor = (folder: string, out: string, more: readonly string[] = WINDOWS) => [
  ...["predict", join(folder, "scene.tif"), "--model", join(folder, "model.safetensors")],
  ...["--out", join(folder, out), ...more],
];

const digests = (folder: string, out: string) =>
  Promise.all([`${out}.tif`, `${out}.prob.tif`].map((name) => sha256File(join(folder, name))));

const linesOf = async (folder: string, out: string) =>
  (await readFile(join(folder, `${out}.tif.work/journal.jsonl`), "utf8").catch(() => "")).split("\n").length - 1;

/** Starts a run and kills it some milliseconds after its journal has grown by some lines; whether it was killed before its end. */
async function killOnTheWay(folder: string, out: string, delay: number, lines = 1): Promise<boolean> {
  const before = await linesOf(folder, out);
  const { child, ended } = startSeg(argsFor(folder, `${out}.tif`));
  while (child.exitCode === null && (await linesOf(folder, out)) < before + lines) await setTimeout(3);
  await setTimeout(delay);
  child.kill("SIGKILL");
  const { signal, code, stderr } = await ended;
  assert.ok(signal === "SIGKILL" || code === 0, stderr);
  return signal === "SIGKILL";
}

test(`${KILLS} kills at random moments of a run, then its end: the bytes of an unbroken run`, () =>
  withFolder(async (folder) => {
    await writeInputs(folder);
    const whole = await seg(argsFor(folder, "whole.tif"));
    assert.equal(whole.code, 0, whole.stderr);
    const expected = await digests(folder, "whole");
    const random = generator(3, "kill");
    for (let kills = 0, run = 0; kills < KILLS; run++) {
      const out = `run${run}`;
      while (kills < KILLS && (await killOnTheWay(folder, out, random.integer(120)))) kills++;
      const last = await seg(argsFor(folder, `${out}.tif`));
      assert.equal(last.code, 0, last.stderr);
      assert.deepEqual(await digests(folder, out), expected, `${out} after ${kills} kills`);
      const left = (await readdir(folder)).filter((name) => name.includes(".work") || name.includes(".partial"));
      assert.deepEqual(left, [], "nothing of the way is left");
    }
  }));

describe("an unfinished run", () => {
  let begun = "";
  before(async () => {
    begun = await mkdtemp(join(tmpdir(), "seg-begun-"));
    await writeInputs(begun);
    assert.ok(await killOnTheWay(begun, "map", 20, 12));
  });
  after(() => rm(begun, { recursive: true, force: true }));
  /** A copy of a folder where a run was killed after some rows. */
  const withUnfinished = (use: (folder: string) => Promise<void>) =>
    withFolder(async (folder) => {
      await cp(begun, folder, { recursive: true });
      await use(folder);
    });
  const journal = (folder: string) => join(folder, "map.tif.work/journal.jsonl");

  test("is told of by --status, in words and as JSON", () =>
    withUnfinished(async (folder) => {
      const output = join(folder, "map.tif");
      const words = await seg(["predict", "--status", output]);
      assert.match(words.stdout, /map\.tif: \d+ of \d+ rows of windows done, about \d+ s to go\n$/);
      const [json] = JSON.parse((await seg(["predict", "--status", output, "--json"])).stdout);
      assert.equal(json.state, "unfinished");
      assert.ok(json.done > 0 && json.done < json.rows && json.secondsLeft > 0);
      const none = await seg(["predict", "--status", join(folder, "other.tif")]);
      assert.match(none.stdout, /other\.tif: not begun\n$/);
    }));

  test("goes on past a torn line of the journal and bytes after the last commit, and to the same end", () =>
    withUnfinished(async (folder) => {
      await appendFile(journal(folder), '{"row":99,"spools":[{"len');
      const spools = join(folder, "map.tif.work/classes");
      for (const name of await readdir(spools)) await appendFile(join(spools, name), "garbage");
      const end = await seg(argsFor(folder, "map.tif"));
      assert.equal(end.code, 0, end.stderr);
      assert.match(end.stderr, /going on after \d+ of \d+ rows/);
      const whole = await seg(argsFor(folder, "whole.tif"));
      assert.equal(whole.code, 0, whole.stderr);
      assert.deepEqual(await digests(folder, "map"), await digests(folder, "whole"));
      const summaries = await Promise.all(
        ["map", "whole"].map(async (name) =>
          JSON.parse(await readFile(join(folder, `${name}.tif.summary.json`), "utf8")),
        ),
      );
      const told = ({ seamScore, classes, windows, noDataPixels }: Record<string, unknown>) => ({
        ...{ seamScore, classes, windows, noDataPixels },
      });
      assert.deepEqual(told(summaries[0]), told(summaries[1]), "the summary is that of the whole run too");
    }));

  test("refuses other parameters and another input by name; --restart discards it", () =>
    withUnfinished(async (folder) => {
      const other = await seg(argsFor(folder, "map.tif", [...WINDOWS, "--blend", "crop"]));
      assert.equal(other.code, 2);
      assert.match(
        other.stderr,
        /was begun with something else: margin was 4 and is now 16 \(blend too\); .*--restart$/m,
      );
      const mask = join(folder, "scene.tif.msk");
      await writeScene(mask, [WIDTH, HEIGHT, 1], noise(WIDTH, HEIGHT, 1, 3));
      const masked = await seg(argsFor(folder, "map.tif"));
      assert.match(masked.stderr, /was begun with something else: sidecars was /);
      await rm(mask);
      await writeScene(join(folder, "scene.tif"), [WIDTH, HEIGHT, 3], noise(WIDTH, HEIGHT, 3, 10), { nodata: 0 });
      const changed = await seg(argsFor(folder, "map.tif"));
      assert.match(changed.stderr, /was begun with something else: input was {"sha256":"/);
      const again = await seg(argsFor(folder, "map.tif", [...WINDOWS, "--restart"]));
      assert.equal(again.code, 0, again.stderr);
      assert.doesNotMatch(again.stderr, /going on/);
    }));

  test("is not touched by a second run at the same time", () =>
    withUnfinished(async (folder) => {
      const first = startSeg(argsFor(folder, "map.tif"));
      const before = await linesOf(folder, "map");
      while (first.child.exitCode === null && (await linesOf(folder, "map")) <= before) await setTimeout(3);
      first.child.kill("SIGSTOP");
      const second = await seg(argsFor(folder, "map.tif"));
      first.child.kill("SIGCONT");
      assert.equal(second.code, 2);
      assert.match(second.stderr, /map\.tif\.work: is in use by process \d+/);
      assert.equal((await first.ended).code, 0);
    }));

  test("is not continued over a block whose bytes have changed", () =>
    withUnfinished(async (folder) => {
      const spools = join(folder, "map.tif.work/classes");
      const [name] = (await readdir(spools)).sort();
      const path = join(spools, name);
      const bytes = await readFile(path);
      bytes[Math.floor((await stat(path)).size / 8)] ^= 1;
      await writeFile(path, bytes);
      const end = await seg(argsFor(folder, "map.tif"));
      assert.equal(end.code, 2, end.stderr);
      assert.match(end.stderr, /^seg: .*block \d+/m);
    }));

  test("that lost its spool is refused in a line, not mapped half", () =>
    withUnfinished(async (folder) => {
      const spools = join(folder, "map.tif.work/classes");
      for (const name of await readdir(spools)) await truncate(join(spools, name), 0);
      const end = await seg(argsFor(folder, "map.tif"));
      assert.equal(end.code, 2, end.stderr);
      assert.match(end.stderr, /^seg: /m);
      await rm(join(folder, "map.tif.work"), { recursive: true });
      assert.equal((await seg(argsFor(folder, "map.tif"))).code, 0);
    }));
});
