/**
 * @file `seg embed` with SAM ViT-B at full size against Meta's code: random weights in three spellings, one photo.
 *
 * usage: tsx bench/sam/index.ts --photo PNG [--python PYTHON] [--out bench/results]     (needs npm run prepare)
 */
import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { writeResults } from "../results.js";

const { values } = parseArgs({
  options: {
    photo: { type: "string" },
    python: { type: "string", default: "python3" },
    out: { type: "string", default: "bench/results" },
  },
});
if (!values.photo) throw new Error("give --photo");

const SPELLINGS = ["meta.pth", "huggingface.safetensors", "timm.safetensors"];

function run(command: string, args: readonly string[]): string {
  const { status, stderr } = spawnSync(command, args, { encoding: "utf8", stdio: ["ignore", "inherit", "pipe"] });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${status}: ${stderr}`);
  return stderr;
}

/** Values of a float32 .npy file in C order. */
async function readNpy(path: string): Promise<Float32Array> {
  const bytes = await readFile(path);
  const start = 10 + bytes.readUInt16LE(8);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + bytes.length));
}

const folder = await mkdtemp(join(tmpdir(), "sam-"));
try {
  run(values.python, [join(import.meta.dirname, "reference.py"), values.photo, folder]);
  const expected = await readNpy(join(folder, "embedding.npy"));
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const rows: (string | number)[][] = [];
  for (const spelling of SPELLINGS) {
    const out = join(folder, "ours.npy");
    const weights = ["--encoder", "sam-vit-b", "--encoder-weights", join(folder, spelling)];
    const began = performance.now();
    const hook = ["--import", join(import.meta.dirname, "../step/peak.mjs")];
    const said = run(process.execPath, [
      ...hook,
      "dist/src/cli/main.js",
      "embed",
      values.photo,
      ...weights,
      "--out",
      out,
    ]);
    const seconds = (performance.now() - began) / 1000;
    const ours = await readNpy(out);
    if (ours.length !== expected.length) throw new Error(`${ours.length} values, Meta has ${expected.length}`);
    const difference = ours.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i])), 0);
    const peak = Number(said.match(/^peak (\S+)$/m)?.[1]);
    rows.push([spelling, difference.toExponential(1), seconds.toFixed(1), peak.toFixed(2)]);
    await rm(out);
  }
  await writeResults(values.out, "sam", {
    title: "seg embed, SAM ViT-B at 1024, against Meta's code",
    columns: ["weights", "max difference", "seconds, whole process", "peak GB"],
    rows,
    remarks: [`largest value of the embedding: ${largest.toFixed(2)}`],
    details: rows,
  });
} finally {
  await rm(folder, { recursive: true, force: true });
}
