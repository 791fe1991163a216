/** @file Checkpoints are whole or absent, verified when read, and the one before is there when the last is damaged. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { parseTrainConfig } from "../../src/config.js";
import { SegError } from "../../src/errors.js";
import { generator } from "../../src/random.js";
import type { ModelCard } from "../../src/run/card.js";
import { type Checkpoint, loadLatest, saveCheckpoint, START, sweepCheckpoints } from "../../src/run/checkpoint.js";
import { openRun } from "../../src/run/folder.js";
import { readModelFile, type SavedFrozen, saveFrozen } from "../../src/run/model-file.js";
import { faultySystem } from "../files/faulty.js";
import { fill } from "../support/filler.js";
import { withFolder } from "../support/folder.js";

const CARD: ModelCard = {
  ...{ format: 1, encoder: "resnet-test", decoder: "unet", pyramid: "simple", decoderOptions: {}, adaptBands: false },
  classes: [{ name: "a", color: [0, 0, 0] }],
  head: "softmax",
  preprocessing: { bands: [0], bandNames: ["gray"], mean: [0], std: [1], multipleOf: 32 },
  ...{ tune: "full", step: 0, software: "test" },
};

function checkpointAt(step: number): Checkpoint {
  const tensor = (seed: number) => ({ data: fill(seed + step, 6), shape: [2, 3] });
  return {
    card: { ...CARD, step },
    state: new Map([["w", tensor(1)]]),
    optimizer: new Map([["slot/m/w", tensor(2)]]),
    progress: { ...START, step },
  };
}

const fail = (line: string) => assert.fail(`unexpected warning: ${line}`);

for (const forever of [false, true]) {
  const how = forever ? "a process killed before the n-th call" : "a disk that fails at the n-th call";
  test(`${how} of a save leaves a whole checkpoint, for every n`, () =>
    withFolder(async (folder) => {
      const ready = join(folder, "ready");
      for (const step of [1, 2]) await saveCheckpoint(ready, "last", checkpointAt(step));
      const count = await callsOfASave(ready, join(folder, "counted"));
      assert.ok(count > 20, `${count} calls`);
      for (let at = 1; at <= count; at++) {
        const run = join(folder, `${at}`);
        await cp(ready, run, { recursive: true });
        const { system } = faultySystem({ at, code: at % 2 ? "ENOSPC" : "EIO", forever });
        await saveCheckpoint(run, "last", checkpointAt(3), system).then(
          () => assert.ok(!forever || at === count, `call ${at} was not made`),
          (error) => assert.ok(error instanceof SegError, String(error)),
        );
        await sweepCheckpoints(run);
        const found = await loadLatest(run, fail);
        assert.deepEqual(found, checkpointAt(found?.progress.step ?? -1), `call ${at}`);
        assert.ok(found?.progress.step === 2 || found?.progress.step === 3, `call ${at}`);
        assert.deepEqual((await readdir(join(run, "checkpoints"))).sort(), ["last", "previous"], `call ${at}`);
      }
    }));
}

async function callsOfASave(ready: string, run: string): Promise<number> {
  await cp(ready, run, { recursive: true });
  const counter = faultySystem();
  await saveCheckpoint(run, "last", checkpointAt(3), counter.system);
  return counter.calls();
}

test("the best checkpoint survives a save that is killed at any call", () =>
  withFolder(async (folder) => {
    const ready = join(folder, "ready");
    await saveCheckpoint(ready, "best", checkpointAt(1));
    for (let at = 1; at <= 30; at++) {
      const run = join(folder, `${at}`);
      await cp(ready, run, { recursive: true });
      const { system } = faultySystem({ at, code: "EIO", forever: true });
      await saveCheckpoint(run, "best", checkpointAt(2), system).catch((error) => assert.ok(error instanceof SegError));
      await sweepCheckpoints(run);
      const { card } = await readModelFile(join(run, "checkpoints/best/model.safetensors"), { checked: true });
      assert.ok(card.step === 1 || card.step === 2, `call ${at}`);
      assert.deepEqual(await readdir(join(run, "checkpoints")), ["best"]);
    }
  }));

test("any turned bit of the last checkpoint is found, and the one before is used", () =>
  withFolder(async (run) => {
    for (const step of [1, 2]) await saveCheckpoint(run, "last", checkpointAt(step));
    const random = generator(5, "bits");
    for (const name of ["model.safetensors", "optimizer.safetensors"]) {
      const path = join(run, "checkpoints/last", name);
      const whole = await readFile(path);
      for (let i = 0; i < 100; i++) {
        const bytes = Buffer.from(whole);
        bytes[random.integer(bytes.length)] ^= 1 << random.integer(8);
        await writeFile(path, bytes);
        const warnings: string[] = [];
        const found = await loadLatest(run, (line) => warnings.push(line));
        assert.equal(found?.progress.step, 1);
        assert.equal(warnings.length, 1);
        assert.ok(warnings[0].includes(path) && warnings[0].includes("the checkpoint before"), warnings[0]);
      }
      await writeFile(path, whole);
    }
  }));

test("a run whose checkpoints are all damaged is refused, not started again", () =>
  withFolder(async (run) => {
    assert.equal(await loadLatest(run, fail), undefined); // none was ever written
    for (const step of [1, 2]) await saveCheckpoint(run, "last", checkpointAt(step));
    for (const kind of ["last", "previous"]) await writeFile(join(run, "checkpoints", kind, "model.safetensors"), "");
    await assert.rejects(
      loadLatest(run, () => {}),
      (error) => error instanceof SegError && error.subject === run,
    );
  }));

/** Frozen weights of a run, stored. */
async function savedFrozen(run: string, seed: number): Promise<SavedFrozen> {
  const saved = await saveFrozen(run, new Map([["encoder.w", { data: fill(seed, 4), shape: [4] }]]));
  await saved.whole;
  return saved;
}

test("frozen weights of another run, or outside the run, are refused", () =>
  withFolder(async (run) => {
    const { card: frozen } = await savedFrozen(run, 1);
    const save = (card: ModelCard) => saveCheckpoint(run, "last", { ...checkpointAt(1), card });
    const path = join(run, "checkpoints/last/model.safetensors");
    await save({ ...CARD, frozen });
    assert.ok((await readModelFile(path)).state.has("encoder.w"));
    await savedFrozen(run, 2);
    await assert.rejects(readModelFile(path), /is not the file this run was trained with/);
    for (const file of ["../frozen.safetensors", "/etc/passwd", ".."]) {
      await save({ ...CARD, frozen: { ...frozen, file } });
      await assert.rejects(readModelFile(path), /its model card is wrong at frozen.file/);
    }
    assert.ok(existsSync(path));
  }));

test("only a run that never got past its start is started again in its folder", () =>
  withFolder(async (folder) => {
    const config = parseTrainConfig({ data: "photos", out: join(folder, "run") });
    const open = async (changes: Partial<typeof config>) =>
      (await openRun({ ...config, ...changes }, "test")).release();
    await open({});
    await saveCheckpoint(config.out, "last", checkpointAt(0));
    await open({ steps: 5 }); // refused or killed before its first step: other options are fine
    assert.deepEqual(await readdir(join(config.out, "checkpoints")), []);
    await saveCheckpoint(config.out, "last", checkpointAt(8));
    await assert.rejects(open({ steps: 5 }), /holds a run already; go on with --resume/);
    await assert.rejects(open({ steps: 6, resume: true }), /was started with steps 5, now it is 6/);
    const progress = join(config.out, "checkpoints/last/progress.json");
    await writeFile(progress, (await readFile(progress, "utf8")).replace('"step":8', '"step":0')); // one turned bit
    await assert.rejects(open({ steps: 5 }), /holds a run already/);
    await rm(join(config.out, "config.yaml"));
    await assert.rejects(open({ steps: 5 }), /holds checkpoints but no config.yaml/);
    assert.equal((await loadLatest(config.out, fail))?.progress.step, 8);
  }));

/** Every file and folder below, with what is in it. */
async function contentOf(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  const lines = names.map(async (name) => {
    const path = join(name.parentPath, name.name);
    return name.isDirectory() ? path : `${path} ${await readFile(path, "utf8")}`;
  });
  return (await Promise.all(lines)).sort();
}

/** Folders of other tools; the name of what gives each away. */
const STRANGERS: readonly (readonly [string, readonly string[]])[] = [
  ["checkpoints/epoch3.ckpt", ["checkpoints/epoch3.ckpt"]],
  ["config.yaml", ["config.yaml", "checkpoints/epoch3.ckpt"]],
  ["checkpoints/frozen.safetensors", ["checkpoints/frozen.safetensors"]],
  ["manifest.json", ["manifest.json"]],
  ["notes.txt", ["notes.txt"]],
];
for (const [stranger, files] of STRANGERS) {
  test(`a folder with another tool's ${files.join(" and ")} is refused and left as it was`, () =>
    withFolder(async (out) => {
      for (const file of files) {
        await mkdir(dirname(join(out, file)), { recursive: true });
        await writeFile(join(out, file), "{}");
      }
      const before = await contentOf(out);
      for (const resume of [false, true]) {
        await assert.rejects(openRun(parseTrainConfig({ data: "photos", out, resume }), "test"), (error) => {
          assert.ok(error instanceof SegError && error.exitCode === 2);
          assert.equal(error.reason, `is not empty (${stranger}) and holds no run`);
          return true;
        });
        assert.deepEqual(await contentOf(out), before);
      }
    }));
}

test("a start that was killed is started again; what somebody laid beside its checkpoints is not touched", () =>
  withFolder(async (out) => {
    const config = parseTrainConfig({ data: "photos", out });
    const open = async () => (await openRun(config, "test")).release();
    await open();
    await rm(join(out, "config.yaml")); // killed before it stood
    await savedFrozen(out, 1);
    await mkdir(join(out, "checkpoints/.last-000000000"));
    await writeFile(join(out, "checkpoints/.frozen.safetensors.17-0.partial"), "half");
    await open();
    assert.deepEqual(await readdir(join(out, "checkpoints")), []);
    await writeFile(join(out, "checkpoints/epoch3.ckpt"), "theirs");
    await assert.rejects(open(), /is not empty \(checkpoints\/epoch3.ckpt\) and holds no run/);
    assert.equal(await readFile(join(out, "checkpoints/epoch3.ckpt"), "utf8"), "theirs");
  }));
