/** @file `seg doctor`: whether this installation works, and what the machine offers. */
import { execFile } from "node:child_process";
import { availableParallelism, totalmem } from "node:os";
import { statfs } from "node:fs/promises";
import { createEngine, type EngineOptions } from "../../engine/index.js";
import { errorLine, EXIT, SegError } from "../../errors.js";
import { entryPoint } from "../../experiment.js";
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

export const command = defineCommand(
  {
    json: jsonFlag,
    probe: { type: "string", hidden: true }, // what the process below is asked: one engine, its finding on the last line
  },
  async (args) => {
    if (args.probe !== undefined) return probe(String(args.probe));
    const findings = [...(await machine()), ...(await engines()), await pictures(), await weights()];
    const marks = { ok: "ok    ", absent: "absent", broken: "BROKEN" };
    print(args.json, findings, () => {
      for (const { what, state, detail } of findings) console.log(`${marks[state]}  ${what.padEnd(18)} ${detail}`);
    });
    return findings.some(({ state }) => state === "broken") ? EXIT.usage : EXIT.ok;
  },
);

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

const ENGINES: Readonly<Record<string, { name: "onnx" | "tfjs"; options: EngineOptions; isNeeded: boolean }>> = {
  "engine onnx cpu": { name: "onnx", options: { device: "cpu" }, isNeeded: true },
  "engine onnx cuda": { name: "onnx", options: { device: "cuda" }, isNeeded: false },
  "engine onnx webgpu": { name: "onnx", options: { device: "webgpu" }, isNeeded: false },
  "engine tfjs": { name: "tfjs", options: {}, isNeeded: false },
};

/** Each engine and device runs a convolution whose result is known, in a process of its own: a device that is not there is loud, or ends the process. */
const engines = (): Promise<Finding[]> => Promise.all(Object.keys(ENGINES).map(askChild));

async function askChild(what: string): Promise<Finding> {
  const { stdout, ended } = await runQuietly([...entryPoint(), "doctor", "--probe", what]);
  try {
    return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Finding;
  } catch {
    return { what, state: ENGINES[what].isNeeded ? "broken" : "absent", detail: `its test ended with ${ended}` };
  }
}

function runQuietly(args: readonly string[]): Promise<{ stdout: string; ended: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, args, (error, stdout) => {
      resolve({ stdout, ended: String(error?.signal ?? `code ${error?.code ?? 0}`) });
    });
  });
}

async function probe(what: string): Promise<number> {
  const { name, options, isNeeded } = ENGINES[what];
  console.log(JSON.stringify(await tryEngine(what, name, options, isNeeded)));
  return EXIT.ok;
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
