/**
 * @file Runs every command and the program of README.md in their order in a prepared folder. Large encoders are replaced by their tiny variants and
 * long trainings by two steps (SUBSTITUTIONS says how); everything else is as written.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { seg } from "../support/cli.js";
import { withFolder } from "../support/folder.js";
import { startHub } from "../support/hub.js";
import { partsTable } from "./parts.js";
import { fillWorkspace } from "./workspace.js";

const ROOT = join(import.meta.dirname, "../..");
const README = join(ROOT, "README.md");

const SUBSTITUTIONS: readonly (readonly [RegExp, string])[] = [
  [/--encoder resnet18/, "--encoder resnet-test"],
  [/^(seg (?:train|embed).*)--encoder sam-vit-b/, "$1--encoder sam-vit-test --encoder-weights none"],
  [/--epochs 20/, "--steps 2 --size 32"],
  [/^(seg train .*--dataset folder(?!.*--steps))/, "$1 --steps 2 --batch-size 1"],
  [/^(seg train .*--dataset geotiff)/, "$1 --steps 2"],
  [/sam_vit_b_01ec64.pth --encoder sam-vit-b/, "sam.safetensors --encoder sam-vit-test"],
  [/experiments\/backbones.ts/, "experiments/tiny.yaml"],
];

/** Commands of this repository itself: `npm test` is running now, the demo has its own test. */
const ELSEWHERE = ["npm ci && npm run demo", "npm ci && npm test"];

const substituted = (line: string) => SUBSTITUTIONS.reduce((text, [from, to]) => text.replace(from, to), line);

/** Contents of the fenced blocks of a language. */
const blocks = (text: string, language: string) =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, "gms"))].map((match) => match[1]);

test("every command of the README runs", async () => {
  const lines = blocks(await readFile(README, "utf8"), "sh").flatMap((block) => block.trim().split("\n"));
  const commands = lines.filter((line) => !ELSEWHERE.includes(line));
  assert.equal(lines.length - commands.length, ELSEWHERE.length);
  assert.ok(commands.length >= 10);
  await withFolder(async (folder) => {
    await fillWorkspace(folder);
    const hub = await startHub(await readFile(join(folder, "sam.safetensors")));
    const env = { HF_ENDPOINT: hub.endpoint, HF_HOME: join(folder, "hub"), SEG_HOME: join(folder, "home") };
    try {
      for (const line of commands) await runLine(line, folder, env);
    } finally {
      await hub.close();
    }
    for (const file of [
      "sheet.png",
      "runs/leaves/report.html",
      "maps/one.png",
      "buildings.tif",
      "mapped.geojson",
      "leaves.onnx",
      "embeddings/one.npy",
    ])
      assert.ok(existsSync(join(folder, file)), file);
  });
});

async function runLine(line: string, folder: string, env: Record<string, string>): Promise<void> {
  assert.match(line, /^seg /, "README shows only seg commands");
  const words = substituted(line).split(" ").slice(1);
  const args = words.flatMap((word) =>
    word === "photos/images/*.jpg" ? ["one", "two"].map((name) => `photos/images/${name}.jpg`) : [word],
  );
  const { code, stderr } = await seg(args, { cwd: folder, env });
  if (line === "seg weights pull sam-vit-b") {
    assert.equal(code, 2, stderr); // the hub of this test offers another file than Meta's, which is noticed before a byte is fetched
    assert.match(stderr, /^seg: .*is not the file known under this name \(hash or size\)/m);
  } else assert.equal(code, 0, `${line}\n${stderr}`);
}

test("the README's program runs", async () => {
  const [program, ...others] = blocks(await readFile(README, "utf8"), "ts");
  assert.equal(others.length, 0);
  await withFolder(async (folder) => {
    await fillWorkspace(folder);
    await mkdir(join(folder, "node_modules"));
    await symlink(ROOT, join(folder, "node_modules", "sam-seg"));
    await writeFile(join(folder, "package.json"), '{ "type": "module" }');
    const tiny = program.replace('"resnet18"', '"resnet-test"').replace("steps: 200", "steps: 2, size: 32");
    await writeFile(join(folder, "program.ts"), tiny);
    const tsx = join(ROOT, "node_modules/tsx/dist/cli.mjs");
    const { status, stdout, stderr } = spawnSync(process.execPath, [tsx, "program.ts"], {
      cwd: folder,
      encoding: "utf8",
    });
    assert.equal(status, 0, stderr);
    assert.match(stdout, /4096/); // 64 x 64 classes
  });
});

test("the README's table of parts is the registries'", async () => {
  const text = await readFile(README, "utf8");
  const fresh = text.replace(
    /(<!-- parts:.*?-->\n).*?(<!-- \/parts -->)/s,
    (_, open, close) => open + partsTable() + close,
  );
  if (process.env.UPDATE_README) await writeFile(README, fresh);
  else assert.equal(text, fresh, "run UPDATE_README=1 node test/run.mjs readme");
});
