/** @file Results of a benchmark as JSON and Markdown, with the machine and the versions they were measured with. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism, cpus, totalmem } from "node:os";
import { join } from "node:path";

export interface Results {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
  readonly remarks: readonly string[];
  /** Everything measured, for the JSON file. */
  readonly details: unknown;
}

/** Writes FOLDER/NAME.json and NAME.md and, where wanted, prints the latter. */
export async function writeResults(folder: string, name: string, results: Results, print = true): Promise<void> {
  const measured = { ...machine(), date: new Date().toISOString() };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify({ ...results, measured }, null, 2)}\n`);
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(" | ")} |`;
  const table = [line(results.columns), line(results.columns.map(() => "---")), ...results.rows.map(line)].join("\n");
  const { cpu, cores, memoryGiB, node, onnxruntime } = measured;
  const where = `${cpu}, ${cores} cores, ${memoryGiB} GiB, Node ${node}, onnxruntime-node ${onnxruntime}, ${measured.date}`;
  const text = `# ${results.title}\n\n${table}\n\n${results.remarks.map((remark) => `- ${remark}\n`).join("")}- ${where}\n`;
  writeFileSync(join(folder, `${name}.md`), text);
  if (print) console.log(text);
}

/** Processor, memory and the versions of what everything here runs on. */
export function machine() {
  const require = createRequire(import.meta.url);
  const manifest = join(require.resolve("onnxruntime-node"), "../../package.json");
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    onnxruntime: JSON.parse(readFileSync(manifest, "utf8")).version as string,
  };
}
