/**
 * @file Images and masks listed in a CSV file with a header: a column for the image, one for the mask, one for the split.
 * Paths are relative to the CSV file and must stay below its folder, links followed. Without a split column val is drawn.
 */
import { realpath, stat } from "node:fs/promises";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { parse } from "csv-parse/sync";
import type { Dataset, DatasetKind } from "../src/contract.js";
import { labelHelp, splitHelp } from "../src/dataset/help.js";
import { type Pair, photoDataset, type SplitOptions } from "../src/dataset/photos.js";
import type { LabelOptions } from "../src/dataset/scheme.js";
import { splitNamed } from "../src/dataset/splits.js";
import { SegError } from "../src/errors.js";
import { readText } from "../src/files.js";

/** Options of `csv`; null is not given. */
export interface CsvOptions extends LabelOptions, SplitOptions {
  /** The CSV file when the root is a folder. */
  readonly file: string;
  readonly imageColumn: string;
  readonly maskColumn: string;
  readonly splitColumn: string;
  /** Column separator; null: comma, semicolon or tab, whichever the header has. */
  readonly delimiter: string | null;
  /** Whether paths may leave the CSV file's folder. */
  readonly allowOutside: boolean;
}

export const csv: { readonly csv: DatasetKind<CsvOptions> } = {
  csv: {
    about: "photos and masks listed in a CSV file: columns image, mask, split",
    defaults: {
      file: "dataset.csv",
      imageColumn: "image",
      maskColumn: "mask",
      splitColumn: "split",
      delimiter: null,
      allowOutside: false,
      valFraction: 0.2,
      splitSeed: 0,
      classes: null,
      classMap: null,
      ignoreIndex: null,
    },
    help: {
      file: "the CSV file when --data is a folder",
      imageColumn: "column of the image",
      maskColumn: "column of the mask",
      splitColumn: "column of the split",
      delimiter: "column separator (found by itself)",
      allowOutside: "let paths leave the CSV file's folder",
      ...splitHelp,
      ...labelHelp,
    },
    open: openCsv,
  },
};

async function openCsv(root: string, options: CsvOptions): Promise<Dataset> {
  const isFolder = await stat(root).then(
    (found) => found.isDirectory(),
    () => false,
  ); // a missing file is told below
  const file = isFolder ? join(root, options.file) : root;
  const folder = dirname(resolve(file));
  const pairs: Pair[] = [];
  for (const row of readRows(file, await readText(file), options)) {
    const subject = `${file} line ${row.line}`;
    const image = await locate(folder, row.image, subject, options.allowOutside);
    const mask = await locate(folder, row.mask, subject, options.allowOutside);
    pairs.push({ id: row.image.replace(/\.[^./\\]*$/, ""), image, mask, split: row.split });
  }
  const name = basename(file).replace(/\.[^.]*$/, "");
  return photoDataset({ name, root: folder, pairs, labels: options, split: options, warnings: [] });
}

interface Row {
  readonly line: number;
  readonly image: string;
  readonly mask: string;
  readonly split?: string;
}

function readRows(file: string, text: string, options: CsvOptions): Row[] {
  const records = parseRecords(file, text, options.delimiter ?? guessDelimiter(text));
  const [header, ...rows] = records;
  if (!header) throw new SegError(file, "is empty", "give a header and a line for each image");
  const column = (name: string) =>
    header.record.findIndex((title) => title.trim().toLowerCase() === name.toLowerCase());
  const [image, mask, split] = [options.imageColumn, options.maskColumn, options.splitColumn].map(column);
  for (const [at, name, flag] of [
    [image, options.imageColumn, "image"],
    [mask, options.maskColumn, "mask"],
  ] as const) {
    if (at < 0)
      throw new SegError(file, `has no column ${name} (${header.record.join(", ")})`, `name it with --${flag}-column`);
  }
  return rows.map(({ record, line }) => {
    const [imagePath, maskPath] = [record[image].trim(), record[mask].trim()];
    if (imagePath === "" || maskPath === "")
      throw new SegError(`${file} line ${line}`, "lacks image or mask", "fill both");
    return { line, image: imagePath, mask: maskPath, ...(split >= 0 && { split: splitOf(record[split], file, line) }) };
  });
}

function splitOf(text: string, file: string, line: number): string {
  const word = text.trim();
  if (word === "")
    throw new SegError(`${file} line ${line}`, "names no split", "write train, val or test, or drop the column");
  return splitNamed(word) ?? word;
}

const guessDelimiter = (text: string): string => {
  const header = text.split("\n", 1)[0];
  return [",", ";", "\t"].find((mark) => header.includes(mark)) ?? ",";
};

function parseRecords(file: string, text: string, delimiter: string): { record: string[]; line: number }[] {
  try {
    const options = { delimiter, bom: true, info: true, skip_empty_lines: true, comment: "#", comment_no_infix: true };
    // with `info` a record comes wrapped, which the types of csv-parse do not say
    const found = parse(text, options) as unknown as { record: string[]; info: { lines: number } }[];
    return found.map(({ record, info }) => ({ record, line: info.lines }));
  } catch (error) {
    throw new SegError(
      file,
      `is not CSV (${error instanceof Error ? error.message : error})`,
      "mend the line named",
      2,
      {
        cause: error,
      },
    );
  }
}

/** The file a row names. Links are followed before it is checked that it lies below the folder. */
async function locate(folder: string, name: string, subject: string, allowOutside: boolean): Promise<string> {
  const path = resolve(folder, name);
  const real = await realpath(path).catch((cause: unknown) => {
    throw new SegError(subject, `${name} does not exist`, "mend the path; paths are relative to the CSV file", 2, {
      cause,
    });
  });
  if (allowOutside) return path;
  const inside = relative(await realpath(folder), real);
  if (inside !== ".." && !inside.startsWith(`..${sep}`) && resolve(inside) !== inside) return path;
  throw new SegError(subject, `${name} lies outside ${folder}`, "move it there, or allow it with --allow-outside");
}
