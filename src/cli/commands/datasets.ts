/** @file `seg datasets`: the kinds of data sets, and a look into one. */
import { datasets } from "../../catalog.js";
import { type Inspection, inspectDataset, leaks, writeContactSheet } from "../../dataset/index.js";
import { EXIT, SegError } from "../../errors.js";
import { unknownName } from "../../registry.js";
import { openDataset } from "../../train/index.js";
import { type Arguments, type Command, required, text, wholeNumber } from "../command.js";
import { engineFlags, jsonFlag } from "../options.js";
import { percent, print, table } from "../output.js";
import { datasetFlags, datasetOptions } from "../part-flags.js";
import { loadPlugins } from "../plugins.js";
import { terminalTalk } from "../talk.js";

const OWN = {
  dataset: { type: "string", describe: "kind of data", default: "folder", requiresArg: true },
  data: { type: "string", describe: "root of the data", requiresArg: true },
  size: { type: "string", describe: "side of windows cut from scenes", requiresArg: true },
  limit: { type: "string", describe: "read at most N samples a split", requiresArg: true },
  out: { type: "string", describe: "write a sheet of overlays to FILE.png", requiresArg: true },
  json: jsonFlag,
  plugin: engineFlags.plugin,
} as const;

export const command: Command = {
  build: (y) =>
    y
      .positional("action", { describe: "list or inspect", type: "string" })
      .options(OWN)
      .options(datasetFlags(Object.keys(OWN)))
      .example(
        "seg datasets inspect --dataset folder --data photos --out sheet.png",
        "counts, class shares, a sheet of overlays",
      ),
  flags: async (args) => {
    await loadPlugins(args.plugin);
    return [...Object.keys(OWN), ...Object.keys(datasetFlags(Object.keys(OWN)))];
  },
  async run(args) {
    if (args.action === "list") return list(args);
    if (args.action === "inspect") return inspect(args);
    throw unknownName("action of seg datasets", String(args.action), ["list", "inspect"]);
  },
};

function list(args: Arguments): number {
  const rows = [...datasets].map(([name, { about, defaults }]) => ({ name, about, options: defaults }));
  print(args.json, rows, () =>
    table(
      ["dataset", "options", ""],
      rows.map(({ name, about, options }) => [name, Object.keys(options).join(" "), about]),
    ),
  );
  return EXIT.ok;
}

async function inspect(args: Arguments): Promise<number> {
  const kind = required(args, "dataset");
  const options = datasetOptions(args, kind, Object.keys(OWN));
  const dataset = await openDataset({
    dataset: kind,
    data: required(args, "data"),
    size: wholeNumber(args, "size"),
    datasetOptions: options,
  });
  const found = await inspectDataset(dataset, { limit: wholeNumber(args, "limit") });
  const warnings = [...found.warnings, ...(await leaks(dataset))];
  const talk = terminalTalk();
  for (const line of warnings) talk.warn(line);
  const sheet = text(args, "out");
  if (sheet !== undefined) {
    if (!/\.png$/i.test(sheet)) throw new SegError(`--out ${sheet}`, "does not end in .png", "name it FILE.png");
    await writeContactSheet(dataset, sheet);
  }
  print(args.json, { ...found, warnings, ...(sheet ? { sheet } : {}) }, () => show(found, sheet));
  return EXIT.ok;
}

function show(found: Inspection, sheet: string | undefined): void {
  table(
    ["split", "images", "read", "ignored pixels"],
    found.splits.map(({ name, count, read, ignoredPixels }) => [name, ...[count, read, ignoredPixels].map(String)]),
  );
  const sizes = found.sizes.slice(0, 5).map(({ width, height, count }) => `${width} x ${height} (${count})`);
  if (found.sizes.length > 5) sizes.push(`${found.sizes.length - 5} more`);
  console.log(`\nsizes: ${sizes.join(", ")}`);
  showBands(found);
  showClasses(found);
  if (sheet) console.log(`\noverlays: ${sheet}`);
}

function showBands({ bands, statistics }: Inspection): void {
  if (!statistics) {
    console.log(`bands: ${bands.join(", ")}\n`);
    return;
  }
  const number = (value: number) => String(Number(value.toPrecision(5)));
  console.log();
  table(
    ["band", "2 %", "98 %", "mean", "std"],
    bands.map((name, i) => [
      name,
      ...[statistics.low, statistics.high, statistics.mean, statistics.std].map((values) => number(values[i])),
    ]),
  );
  console.log();
}

/** Pixels of each class, and its share in each split. */
function showClasses({ classes, classPixels, splits }: Inspection): void {
  const share = (counts: readonly number[], i: number) => {
    const total = counts.reduce((sum, count) => sum + count, 0);
    return percent(total ? counts[i] / total : null);
  };
  table(
    ["class", "colour", "pixels", "share", ...splits.map(({ name }) => name)],
    classes.map(({ name, color }, i) => [
      name,
      `#${color.map((value) => value.toString(16).padStart(2, "0")).join("")}`,
      String(classPixels[i]),
      share(classPixels, i),
      ...splits.map((split) => share(split.classPixels, i)),
    ]),
  );
}
