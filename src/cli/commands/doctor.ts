/** @file `seg doctor`: whether this installation works, and what the machine offers. */
import { availableParallelism, totalmem } from "node:os";
import { statfs } from "node:fs/promises";
import { createEngine, type EngineOptions } from "../../engine/index.js";
import { errorLine, EXIT, SegError } from "../../errors.js";
import * as g from "../../graph/functions.js";
import { version } from "../../version.js";
import { listWeights } from "../../weights/store.js";
import { defineCommand } from "../command.js";
import { jsonFlag } from "../options.js";
import { print } from "../output.js";

interface Finding {
  readonly what: string;
  /** `absent` is no fault: the part is optional. */
  readonly state: "ok" | "absent" | "broken";
  readonly detail: string;
}

export const command = defineCommand({ json: jsonFlag }, async (args) => {
  const findings = [...(await machine()), ...(await engines()), await pictures(), await weights()];
  const marks = { ok: "ok    ", absent: "absent", broken: "BROKEN" };
  print(args.json, findings, () => {
    for (const { what, state, detail } of findings) console.log(`${marks[state]}  ${what.padEnd(18)} ${detail}`);
  });
  return findings.some(({ state }) => state === "broken") ? EXIT.usage : EXIT.ok;
});

async function machine(): Promise<Finding[]> {
  const [major, minor] = process.versions.node.split(".").map(Number);
  const isNew = major > 20 || (major === 20 && minor >= 19);
  const disk = await statfs(".");
  const detail = `${availableParallelism()} cores, ${gib(totalmem())} memory, ${gib(disk.bavail * disk.bsize)} free on this disk`;
  return [
    { what: "sam-seg", state: "ok", detail: version },
    {
      what: "Node",
      state: isNew ? "ok" : "broken",
      detail: `${process.version} ${process.platform} ${process.arch}${isNew ? "" : "; 20.19 or newer is needed"}`,
    },
    { what: "machine", state: "ok", detail },
  ];
}

/** Each engine and device runs a convolution whose result is known. */
async function engines(): Promise<Finding[]> {
  const wanted: [string, "onnx" | "tfjs", EngineOptions, boolean][] = [
    ["engine onnx cpu", "onnx", { device: "cpu" }, true],
    ["engine onnx cuda", "onnx", { device: "cuda" }, false],
    ["engine onnx webgpu", "onnx", { device: "webgpu" }, false],
    ["engine tfjs", "tfjs", {}, false],
  ];
  const findings: Finding[] = [];
  for (const [what, name, options, isNeeded] of wanted) findings.push(await tryEngine(what, name, options, isNeeded));
  return findings;
}

async function tryEngine(
  what: string,
  name: "onnx" | "tfjs",
  options: EngineOptions,
  isNeeded: boolean,
): Promise<Finding> {
  try {
    const engine = await createEngine(name, options);
    const x = g.input("x", [1, 1, 3, 3]);
    const program = await engine.compile({ outputs: { y: g.conv2d(x, g.splat(1, [1, 1, 3, 3])) } });
    const { y } = await program.run({ x: { data: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9), shape: [1, 1, 3, 3] } });
    await program.dispose();
    return {
      what,
      state: y.data[0] === 45 ? "ok" : "broken",
      detail: y.data[0] === 45 ? engine.description : `computed ${y.data[0]} for 45`,
    };
  } catch (error) {
    if (!(error instanceof SegError)) throw error;
    return { what, state: isNeeded ? "broken" : "absent", detail: errorLine(error) };
  }
}

async function pictures(): Promise<Finding> {
  const { chartPng } = await import("../../report/chart.js");
  const { learningCurves } = await import("../../report/charts.js");
  const { default: sharp } = await import("sharp");
  const png = await chartPng(learningCurves([{ event: "step", step: 1, epoch: 0, loss: 1 }]));
  const { width } = await sharp(png).metadata();
  return { what: "pictures", state: width ? "ok" : "broken", detail: `sharp ${sharp.versions.sharp}, charts` };
}

async function weights(): Promise<Finding> {
  const here = (await listWeights()).filter(({ path }) => path !== undefined);
  const detail = here.map(({ encoder, name }) => `${encoder} ${name}`).join(", ");
  return {
    what: "weights",
    state: here.length ? "ok" : "absent",
    detail: detail || "none on this machine; seg weights pull sam-vit-b",
  };
}

const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
