/**
 * @file Weights the user imported: `$SEG_HOME/weights/ENCODER/NAME.json` (SEG_HOME: ~/.cache/sam-seg) says which file beside it and what it hashes to.
 * The record is written last, so a file without one does not count.
 */
import { createReadStream, existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { homedir } from "node:os";
import { extname, join } from "node:path";
import { z } from "zod";
import { SegError } from "../errors.js";
import { makeFolder, readJson, withAtomicFile, writeFileAtomic } from "../files.js";

const record = z.object({
  /** Name within the folder of the encoder. */
  file: z.string().regex(/^[\w.-]+$/),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  bytes: z.number().int().nonnegative(),
  /** Where it came from, as the user named it. */
  source: z.string(),
});

export interface ImportedWeights extends z.infer<typeof record> {
  readonly encoder: string;
  readonly name: string;
  readonly path: string;
}

/** $SEG_HOME/weights. */
export function importFolder(): string {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
  return join(process.env.SEG_HOME || join(cache, "sam-seg"), "weights");
}

/** The record of a name, or undefined. Rejects with SegError where it is damaged. */
export async function findImported(encoder: string, name: string): Promise<ImportedWeights | undefined> {
  const folder = join(importFolder(), checkPlain(encoder));
  const path = join(folder, `${checkPlain(name)}.json`);
  if (!existsSync(path)) return undefined;
  const parsed = record.safeParse(await readJson(path));
  if (!parsed.success)
    throw new SegError(path, "is a damaged record of imported weights", "remove it and import again");
  return { ...parsed.data, encoder, name, path: join(folder, parsed.data.file) };
}

/** All records, by encoder and name. */
export async function everyImported(): Promise<ImportedWeights[]> {
  const found: ImportedWeights[] = [];
  for (const encoder of await namesIn(importFolder())) {
    for (const file of await namesIn(join(importFolder(), encoder))) {
      const entry = file.endsWith(".json") ? await findImported(encoder, file.slice(0, -5)) : undefined;
      if (entry) found.push(entry);
    }
  }
  return found;
}

const namesIn = async (folder: string): Promise<string[]> => {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => /^[\w-][\w.-]*$/.test(name)).sort();
};

/** Copies a file into the store under a name, then writes its record. */
export async function addImported(
  source: string,
  { encoder, name, sha256, bytes }: Pick<ImportedWeights, "encoder" | "name" | "sha256" | "bytes">,
): Promise<string> {
  const folder = join(importFolder(), checkPlain(encoder));
  await makeFolder(folder);
  const file = `${checkPlain(name)}${/^\.(safetensors|pth|pt|ckpt|bin)$/.exec(extname(source))?.[0] ?? ".weights"}`;
  await withAtomicFile(join(folder, file), async (target) => {
    for await (const chunk of createReadStream(source, { highWaterMark: 1 << 20 }))
      await target.write(chunk as Uint8Array);
  });
  const entry: z.infer<typeof record> = { file, sha256, bytes, source };
  await writeFileAtomic(join(folder, `${name}.json`), `${JSON.stringify(entry, null, 2)}\n`);
  return join(folder, file);
}

/** Names become paths. */
function checkPlain(name: string): string {
  if (/^[\w-][\w.-]*$/.test(name)) return name;
  throw new SegError(name, "is no name for weights", "use letters, digits, dots, dashes and underscores");
}
