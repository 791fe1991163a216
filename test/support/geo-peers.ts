/** @file GDAL and the Python geo libraries beside which outputs are read; a test that needs one which is not there says so. */
import { execFile, execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { ROOT } from "./cli.js";

const run = promisify(execFile);
const PYTHON = join(ROOT, ".venv/bin/python");

/** Why Python with shapely, pyproj and fiona cannot be used, or false. */
export const noPython: string | false = existsSync(PYTHON) ? false : "needs .venv with shapely, pyproj and fiona";

/** Why GDAL's programs cannot be used, or false. */
export const noGdal: string | false = works("ogrinfo", "--version") ? false : "needs GDAL's ogrinfo";

function works(...[program, ...args]: string[]): boolean {
  try {
    execFileSync(program, args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Runs a Python script with one JSON argument; gives the JSON it prints. */
export async function askPython(script: string, argument: unknown): Promise<unknown> {
  const { stdout } = await run(PYTHON, [script, JSON.stringify(argument)], { maxBuffer: 1 << 28 });
  return JSON.parse(stdout);
}

/** What a GDAL program prints. */
export async function gdal(program: string, ...args: string[]): Promise<string> {
  return (await run(program, args, { maxBuffer: 1 << 26 })).stdout;
}
