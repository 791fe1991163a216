/**
 * @file Runs many command lines through the CLI's main module in one process: a JSON list of argument lists on stdin, a JSON list of
 * { code, stdout, stderr } on stdout.
 */
import { text } from "node:stream/consumers";

const MAIN = new URL("../../src/cli/main.ts", import.meta.url).href;
const commands: string[][] = JSON.parse(await text(process.stdin));
const write = { out: process.stdout.write.bind(process.stdout), error: process.stderr.write.bind(process.stderr) };
const results: { code: number; stdout: string; stderr: string }[] = [];

for (const [i, args] of commands.entries()) {
  const [stdout, stderr]: string[][] = [[], []];
  process.stdout.write = (chunk: string | Uint8Array) => stdout.push(String(chunk)) > 0;
  process.stderr.write = (chunk: string | Uint8Array) => stderr.push(String(chunk)) > 0;
  process.argv = [process.argv[0], process.argv[1], ...args];
  await import(`${MAIN}?run=${i}`); // a query of its own: the module, which runs the command line, is evaluated again
  results.push({ code: Number(process.exitCode ?? 0), stdout: stdout.join(""), stderr: stderr.join("") });
}

process.stdout.write = write.out;
process.stderr.write = write.error;
process.exitCode = 0;
process.stdout.write(JSON.stringify(results));
