/** @file Whole processes: `seg --help`, or `node -e 0` with --command bare. usage: tsx help.ts [--command help | bare] [--warm-up N] [--repeats N] */
import { spawnSync } from "node:child_process";
import { measure, programArguments } from "../protocol.js";
import { seg } from "./command.js";

const { own, ...repeats } = programArguments({ command: "help" });
await measure(repeats, async () => {
  if (own.command === "bare") spawnSync(process.execPath, ["-e", "0"]);
  else seg(["--help"]);
  return undefined;
});
