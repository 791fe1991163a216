/** @file What goes where: results and JSON on stdout, the talk on stderr, plain lines without a terminal, nothing written by --dry-run. */
import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { TINY, writeTinyData } from "../run/tiny-data.js";
import { linesOf, seg } from "../support/cli.js";
import { withFolder } from "../support/folder.js";

const NET = ["--encoder", "resnet-test", "--decoder", "unet", "--decoder.channels", "16,8,8,8,8"];
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape codes are what must not be there
const ESCAPE = /\u001b/;

test("commands that need no model: one JSON value on stdout, nothing else; a table without it", async () => {
  await withFolder(async (folder) => {
    const env = { HF_HOME: join(folder, "hub"), XDG_CACHE_HOME: folder };
    const commands = [
      ["encoders"],
      ["decoders"],
      ["losses"],
      ["datasets", "list"],
      ["weights", "list"],
      ["weights", "verify"],
    ];
    const results = await Promise.all(
      commands.flatMap((args) => [seg([...args, "--json"], { env }), seg(args, { env })]),
    );
    for (const [i, args] of commands.entries()) {
      const [json, table] = [results[2 * i], results[2 * i + 1]];
      assert.deepEqual([json.code, table.code], [0, 0], `${args}: ${json.stderr}`);
      assert.deepEqual([linesOf(json.stderr), linesOf(table.stderr)], [[], []], args.join(" "));
      const value = JSON.parse(json.stdout);
      assert.ok(Array.isArray(value), args.join(" "));
      assert.doesNotMatch(table.stdout, ESCAPE);
      for (const { name } of value as { name?: string }[])
        if (name) assert.ok(table.stdout.includes(name), `${args}: ${name}`);
    }
  });
});

test("doctor: a clean report, whatever the engines it tries print", async () => {
  const { code, stdout, stderr } = await seg(["doctor", "--json"]);
  assert.deepEqual([code, linesOf(stderr)], [0, []]);
  const findings = JSON.parse(stdout) as { what: string; state: string; detail: string }[];
  const stateOf = (what: string) => findings.find((finding) => finding.what === what)?.state;
  assert.deepEqual([stateOf("Node"), stateOf("engine onnx cpu"), stateOf("pictures")], ["ok", "ok", "ok"]);
  assert.deepEqual(
    findings.filter(({ state, detail }) => state === "broken" || detail.includes("\n")),
    [],
  );
});

test("train, eval, predict, embed, export, inspect: JSON alone on stdout, talk on stderr; file then flags; --dry-run writes nothing", async () => {
  await withFolder(async (folder) => {
    const data = await writeTinyData(join(folder, "my data")); // a space, as users have them
    const config = join(folder, "config.yaml");
    await writeFile(
      config,
      "encoder: resnet-test\nsteps: 9\nbatchSize: 2\nlr: 0.5\nencoderWeights: none\nthreads: 1\n",
    );
    const run = ["train", config, ...NET, "--data", data, "--classes", "dark,bright", "--out", "run"];
    const options = { cwd: folder };
    const before = await readdir(folder, { recursive: true });
    const dry = await seg([...run, "--dry-run", "--json"], options);
    assert.equal(dry.code, 0, dry.stderr);
    const facts = JSON.parse(dry.stdout);
    assert.deepEqual([facts.steps, facts.images, facts.config.lr], [9, { train: 5, val: 2 }, 0.5]);
    assert.deepEqual(await readdir(folder, { recursive: true }), before);

    const trained = await seg([...run, "--steps", "3", "--lr", "1e-3", "--json"], {
      ...options,
      env: { FORCE_COLOR: "1", NO_COLOR: "1" },
    });
    assert.equal(trained.code, 0, trained.stderr);
    assert.equal(JSON.parse(trained.stdout).steps, 3);
    assert.match(trained.stderr, /^training 3\/3 {2}loss /m);
    assert.match(trained.stderr, /^step 3\/3: mIoU /m);
    assert.doesNotMatch(trained.stderr, ESCAPE);
    const resolved = parse(await readFile(join(folder, "run/config.yaml"), "utf8"));
    assert.deepEqual(
      [resolved.steps, resolved.lr, resolved.batchSize],
      [3, 1e-3, 2],
      "flags win over the file, the file over defaults",
    );

    const photo = join(data, "images/val/val-0.png");
    const model = ["--model", "run", "--threads", "1", "--json"];
    const labelled = ["--data", data, "--classes", "dark,bright"];
    const [scored, mapped, half, exported, embedded, inspected, again] = await Promise.all([
      seg(["eval", ...labelled, ...model], options),
      seg(["predict", photo, "--out", "maps", ...model], options),
      seg(["predict", photo, "gone.png", "--out", "half", ...model], options),
      seg(["export", "--model", "run", "--out", "model.onnx", "--json"], options),
      seg(["embed", photo, "--encoder", "resnet-test", "--out", "map.npy", "--json"], options),
      seg(["datasets", "inspect", ...labelled, "--json"], options),
      seg([...run, "--json"], options),
    ]);
    for (const { code, stdout, stderr } of [scored, mapped, exported, embedded, inspected]) {
      assert.equal(code, 0, stderr);
      JSON.parse(stdout);
    }
    assert.deepEqual([half.code, JSON.parse(half.stdout).length], [3, 2]);
    assert.deepEqual([again.code, again.stdout], [2, ""]);
    assert.match(again.stderr, /^seg: run: holds a run already; go on with --resume/m);
  });
});

test("TINY data trains through flags alone", async () => {
  await withFolder(async (folder) => {
    const data = await writeTinyData(join(folder, "data"));
    const result = await seg([
      "train",
      ...NET,
      ...TINY,
      "--data",
      data,
      "--out",
      join(folder, "run"),
      "--steps",
      "1",
      "--batch-size",
      "2",
    ]);
    assert.equal(result.code, 0, result.stderr);
    assert.match(result.stdout, /: 1 steps?, mIoU .*report\.html\n$/);
  });
});
