/** @file Signals, the run's lock and the guard against values that are not finite, through the command line. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { withSignals } from "../../src/cli/signals.js";
import { SegError } from "../../src/errors.js";
import { acquireLock } from "../../src/lock.js";
import { readMetrics } from "../../src/run/metrics-log.js";
import { openSafetensors } from "../../src/weights/safetensors.js";
import { withFolder } from "../support/folder.js";
import { runUntil } from "./kill.js";
import { TINY, writeTinyData } from "./tiny-data.js";

const TRAIN = [
  ...["--encoder", "resnet-test", "--decoder", "fpn", "--decoder.segmentationChannels", "32", "--size", "32"],
  ...["--decoder.pyramidChannels", "8", "--batch-size", "2", "--validate-every", "1000", ...TINY],
];

for (const [signal, code] of [
  ["SIGTERM", 143],
  ["SIGINT", 130],
] as const) {
  test(`${signal} saves and exits ${code}; the run goes on from there`, () =>
    withFolder(async (folder) => {
      const data = await writeTinyData(join(folder, "data"));
      const run = join(folder, "run");
      const args = ["train", "--data", data, "--out", run, "--steps", "5000", ...TRAIN];
      const ended = await runUntil(args, run, { kind: "step", at: 3, delay: 0 }, signal);
      assert.equal(ended.code, code, ended.stderr);
      assert.match(ended.stderr, new RegExp(`seg: stopped by ${signal}; everything is saved, go on with --resume`));
      assert.equal(JSON.parse(await readFile(join(run, "status.json"), "utf8")).state, "stopped");
      assert.ok(!existsSync(join(run, "lock.json")));
      const logged = readMetrics(join(run, "metrics.jsonl")).at(-1)?.step ?? 0;
      const saved = JSON.parse(await readFile(join(run, "checkpoints/last/progress.json"), "utf8")).step;
      assert.equal(saved, logged); // nothing is done twice
      assert.ok(saved >= 3 && saved < 5000);
    }));
}

test("a signal heard twice together, as from timeout, which sends it to the process and its group, is one", async () => {
  const reason = await withSignals(async (signal) => {
    for (let i = 0; i < 2; i++) process.emit("SIGUSR1", "SIGUSR1"); // a second one ends the process
    return signal.reason;
  });
  assert.equal(reason, "SIGUSR1");
});

test("a second signal leaves at once", () =>
  withFolder(async (folder) => {
    const data = await writeTinyData(join(folder, "data"));
    const run = join(folder, "run");
    const args = ["train", "--data", data, "--out", run, "--steps", "5000", ...TRAIN];
    const ended = await runUntil(args, run, { kind: "step", at: 3, delay: 0 }, "SIGTERM", "SIGINT");
    assert.ok(ended.code === 130 || ended.code === 143, `${ended.code} ${ended.stderr}`); // whichever the system hands over last
    assert.doesNotMatch(ended.stderr, /everything is saved/);
  }));

test("a run's folder is refused while a process holds it, naming it; a dead process's lock is taken over", () =>
  withFolder(async (folder) => {
    const data = await writeTinyData(join(folder, "data"));
    const run = join(folder, "run");
    const args = ["train", "--data", data, "--out", run, "--steps", "2", ...TRAIN];
    await mkdir(run);
    const release = await acquireLock(run);
    const refused = await runUntil(args, run);
    assert.equal(refused.code, 2, refused.stderr);
    assert.match(
      refused.stderr,
      new RegExp(`^seg: .*is in use by process ${process.pid} on ${hostname()} since 20`, "m"),
    );
    const held = await readFile(join(run, "lock.json"), "utf8");
    await release();
    await writeFile(join(run, "lock.json"), held.replace(/"ticks":"\d+"/, '"ticks":"1"')); // the same pid, an earlier process
    const taken = await runUntil(args, run);
    assert.equal(taken.code, 0, taken.stderr);
  }));

test("of many that want a dead process's lock exactly one gets it", () =>
  withFolder(async (folder) => {
    for (let round = 0; round < 10; round++) {
      const stale = { pid: 2 ** 22 + 1, host: hostname(), started: "2026-01-01" };
      await writeFile(join(folder, "lock.json"), JSON.stringify(stale));
      const claims = await Promise.allSettled(Array.from({ length: 20 }, () => acquireLock(folder)));
      const won = claims.filter((claim) => claim.status === "fulfilled");
      assert.equal(won.length, 1);
      for (const claim of claims) {
        if (claim.status === "rejected") assert.ok(claim.reason instanceof SegError, String(claim.reason));
      }
      await won[0].value();
    }
  }));

test("a file system without hard links: the lock is written instead, and still one gets it", () =>
  withFolder(async (folder) => {
    const makeLink = () => Promise.reject(Object.assign(new Error("no links"), { code: "EPERM" }));
    const claims = await Promise.allSettled(Array.from({ length: 10 }, () => acquireLock(folder, { makeLink })));
    const won = claims.filter((claim) => claim.status === "fulfilled");
    assert.equal(won.length, 1);
    assert.equal(JSON.parse(await readFile(join(folder, "lock.json"), "utf8")).pid, process.pid);
    await won[0].value();
    await (await acquireLock(folder, { makeLink }))();
  }));

test("steps that are not finite change nothing; three in a row end the run with exit code 4", () =>
  withFolder(async (folder) => {
    const data = await writeTinyData(join(folder, "data"));
    const run = join(folder, "run");
    const args = [
      "train",
      "--data",
      data,
      "--out",
      run,
      "--steps",
      "20",
      "--optimizer",
      "sgd",
      "--schedule",
      "constant",
    ];
    const more = [
      "--lr",
      "1e30",
      "--validate-every",
      "1",
      "--save-every",
      "1",
      ...TRAIN.slice(0, -TINY.length - 2),
      ...TINY,
    ];
    const ended = await runUntil([...args, ...more], run);
    assert.equal(ended.code, 4, ended.stderr);
    assert.match(ended.stderr, /^seg: .*3 steps in a row were not finite.*lower --lr/m);
    for (const kind of ["last", "best"]) await assertFinite(join(run, "checkpoints", kind, "model.safetensors"));
    await assertFinite(join(run, "checkpoints/last/optimizer.safetensors"));
    const rows = readMetrics(join(run, "metrics.jsonl")).filter(({ event }) => event === "step");
    assert.deepEqual(
      rows.slice(-3).map(({ loss }) => loss),
      [null, null, null],
    );
    for (const row of rows) assert.ok(row.loss === null || Number.isFinite(row.loss));
  }));

async function assertFinite(path: string): Promise<void> {
  const file = await openSafetensors(path);
  try {
    for (const name of file.names()) {
      for (const value of (await file.read(name)).data) assert.ok(Number.isFinite(value), `${path}: ${name}`);
    }
  } finally {
    await file.close();
  }
}
