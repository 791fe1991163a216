/** @file The contract of commands and flags, and what a wrong word gets: exit 2, one line, the nearest name. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { linesOf, seg } from "../support/cli.js";
import { withFolder } from "../support/folder.js";

/** Flags every user may count on, by command. */
const CONTRACT: Readonly<Record<string, string>> = {
  train:
    "encoder decoder dataset data out encoder-weights tune pyramid steps epochs batch-size accumulate seed bands size loss optimizer lr schedule views device engine threads precision plugin resume dry-run json",
  eval: "model dataset data split limit json",
  predict: "model out tile overlap blend bands json",
  vectorize: "out classes min-area simplify crs src-crs layer confidence force json",
  view: "source bands port host open json",
  embed: "encoder encoder-weights feature out json",
  export: "model out json",
  experiments: "out json",
  weights: "json",
  datasets: "json labels label-attribute split-by",
};
const BARE = ["demo", "encoders", "decoders", "losses", "doctor"];

test("every command and flag of the contract is in the help, on stdout", async () => {
  const top = await seg(["--help"]);
  assert.deepEqual([top.code, linesOf(top.stderr)], [0, []]);
  for (const command of [...Object.keys(CONTRACT), ...BARE])
    assert.match(top.stdout, new RegExp(`^ +seg ${command}\\b`, "m"));
  const commands = Object.keys(CONTRACT);
  const helps = await Promise.all(commands.map((command) => seg([command, "--help"])));
  for (const [i, { code, stdout, stderr }] of helps.entries()) {
    assert.deepEqual([code, linesOf(stderr)], [0, []], commands[i]);
    for (const flag of CONTRACT[commands[i]].split(" "))
      assert.match(stdout, new RegExp(`--${flag}\\b`), `${commands[i]} --${flag}`);
  }
});

/** [arguments, what stderr says]; exit 2 and one line each. */
const WRONG: readonly (readonly [readonly string[], RegExp])[] = [
  [["trian"], /^seg: .*Did you mean train/],
  [[], /^seg: .*give a command/],
  [["train", "--enoder", "x"], /^seg: --enoder: no such option of seg train; did you mean --encoder\?/],
  [
    ["train", "--encoder", "resnet181", "--data", "x", "--out", "y"],
    /^seg: resnet181: no such encoder; did you mean resnet18\?/,
  ],
  [["train", "--encoder", "resnet-test", "--data", "x"], /^seg: --out: is missing; /],
  [["train", "--data", "x", "--out", "y", "--steps", "many"], /^seg: --steps: "many" does not do: /],
  [["train", "--data", "x", "--out", "y", "--lr", "1", "--lr", "2"], /^seg: --lr: /],
  [["eval", "--model", "nowhere", "--data", "x"], /^seg: nowhere: does not exist; /],
  [["predict", "a.png", "--model", "nowhere", "--out", "b.png"], /^seg: nowhere: does not exist; /],
  [["weights", "pul"], /^seg: pul: no such action of seg weights; did you mean pull\?/],
  [["experiments", "run", "nowhere.yaml"], /^seg: nowhere.yaml: does not exist; /],
  [["encoders", "surplus"], /^seg: .*surplus/],
];

test("a wrong command, flag or value: exit 2, nothing on stdout, one line that names the nearest", async () => {
  await withFolder(async (folder) => {
    const results = await Promise.all(WRONG.map(([args]) => seg(args, { cwd: folder })));
    for (const [i, { code, stdout, stderr }] of results.entries()) {
      const [args, wanted] = WRONG[i];
      const lines = linesOf(stderr);
      assert.deepEqual([code, stdout, lines.length], [2, "", 1], `${args.join(" ")}: ${stderr}`);
      assert.match(lines[0], wanted);
    }
  });
});

test("a wrong key of a configuration file is named with the nearest; flags win over the file", async () => {
  await withFolder(async (folder) => {
    await writeFile(join(folder, "wrong.yaml"), "encoder: resnet-test\nbatchsize: 2\n");
    await writeFile(join(folder, "type.yaml"), "encoder: resnet-test\nbatchSize: two\ndata: x\nout: y\n");
    const [wrong, type] = await Promise.all(
      ["wrong.yaml", "type.yaml"].map((file) => seg(["train", file], { cwd: folder })),
    );
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /^seg: batchsize: no such option in wrong\.yaml; did you mean batchSize\?/m);
    assert.equal(type.code, 2);
    assert.match(type.stderr, /^seg: type\.yaml: batchSize: "two" does not do: /m);
  });
});
