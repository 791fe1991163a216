/** @file Runs one measured program in a fresh process and gathers the lines it prints. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import type { Line, Repeats } from "./protocol.js";

const HERE = import.meta.dirname;

/** Where the peers live on this machine. */
export interface Machine {
  /** A Python with the peers' packages. */
  readonly python?: string;
  /** Folder with @tensorflow/tfjs-node as peers/build-tfjs-node.sh leaves it. */
  readonly tfjs?: string;
}

/** A program and its own arguments; `file` lies in ours/ or peers/. */
export interface Side {
  readonly file: string;
  readonly args?: readonly string[];
}

/** What a side said, over all its processes. */
export interface Measured {
  readonly seconds: number[];
  readonly peakBytes: number[];
  readonly losses: number[];
  readonly versions: Record<string, string>;
  readonly figures: Record<string, number[]>;
  parameters?: number;
  unavailable?: string;
}

export const nothing = (): Measured => ({ seconds: [], peakBytes: [], losses: [], versions: {}, figures: {} });

/** Runs a side once and adds what it says; a program that fails makes the side unavailable, with the end of what it wrote. */
export async function runSide(side: Side, machine: Machine, repeats: Repeats, into: Measured): Promise<void> {
  const command = commandOf(side, machine);
  if (typeof command === "string") {
    into.unavailable = command;
    return;
  }
  const common = ["--warm-up", repeats.warmUp, "--repeats", repeats.repeats, "--threads", repeats.threads].map(String);
  const { lines, failure } = await run([...command, ...(side.args ?? []), ...common]);
  into.losses.length = 0; // of the last process: all of a side's start from the same values
  for (const line of lines) add(line, into);
  if (failure) into.unavailable = failure;
}

function commandOf({ file, args: _ }: Side, { python, tfjs }: Machine): string[] | string {
  const path = join(HERE, file);
  if (file.endsWith(".py")) return python ? [python, path] : "give --python, a Python with peers/requirements.txt";
  if (!file.endsWith(".mjs")) return [process.execPath, "--import", "tsx", path];
  return tfjs ? [process.execPath, path, "--tfjs", tfjs] : "give --tfjs, the folder of peers/build-tfjs-node.sh";
}

function add(line: Line, into: Measured): void {
  if (line.seconds !== undefined) into.seconds.push(line.seconds);
  if (line.peakBytes !== undefined) into.peakBytes.push(line.peakBytes);
  if (line.loss !== undefined) into.losses.push(line.loss);
  if (line.parameters !== undefined) into.parameters = line.parameters;
  if (line.unavailable !== undefined) into.unavailable = line.unavailable;
  Object.assign(into.versions, line.versions);
  for (const [name, value] of Object.entries(line.figures ?? {})) {
    into.figures[name] ??= [];
    into.figures[name].push(value);
  }
}

/** JSON lines a command printed, and how it failed where it did. */
function run([command, ...args]: readonly string[]): Promise<{ lines: Line[]; failure: string | undefined }> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
    const out: string[] = [];
    const errors: string[] = [];
    child.stdout.setEncoding("utf8").on("data", (text: string) => out.push(text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => errors.push(text));
    child.on("error", (error) => resolve({ lines: [], failure: `${command}: ${error.message}` }));
    child.on("close", (code, signal) => {
      const lines = out.join("").split("\n").flatMap(parseLine);
      resolve({ lines, failure: code === 0 ? undefined : `ended with ${signal ?? code}: ${cause(errors.join(""))}` });
    });
  });
}

/** The line of an error's message, else the last one. */
function cause(text: string): string {
  const lines = text.trim().split("\n");
  return lines.findLast((line) => /^(\S+: )?\w*(Error|Exception)\b|^seg: /.test(line)) ?? lines[lines.length - 1];
}

function parseLine(text: string): Line[] {
  if (!text.startsWith("{")) return []; // a library's own chatter
  return [JSON.parse(text) as Line];
}
