/** @file Flags of datasets, and `--decoder.NAME` and `--loss.NAME.OPTION`: options that parts declare by their defaults. */
import type { Options } from "yargs";
import { flagOf } from "../config.js";
import { datasets } from "../catalog.js";
import { SegError } from "../errors.js";
import { convert } from "./schema-flags.js";

const flagName = (key: string) => flagOf(key).slice(2);

/** Options of every kind of data set; `skip`: flags the command has itself. */
export function datasetFlags(skip: readonly string[] = []): Record<string, Options> {
  const flags: Record<string, Options> = {};
  for (const [kind, { defaults, help }] of datasets) {
    for (const [key, value] of Object.entries(defaults)) {
      const name = flagName(key);
      if (skip.includes(name)) continue;
      const usual = value === null || value === false ? "" : ` [default: ${value}]`;
      const text = (help as Readonly<Record<string, string>> | undefined)?.[key] ?? "";
      const known = flags[name]?.describe;
      const describe = known?.startsWith(text)
        ? known.replace(/\((.*?)\)$/, `($1, ${kind})`)
        : `${known ? `${known}; ` : ""}${text}${usual} (${kind})`;
      flags[name] = {
        type: typeof value === "boolean" ? "boolean" : "string",
        describe,
        group: "Options of data sets (of which kinds):",
      };
    }
  }
  return flags;
}

/** The options among the arguments that a kind of data set declares; those of another kind are an error. */
export function datasetOptions(
  args: Readonly<Record<string, unknown>>,
  kind: string,
  skip: readonly string[] = [],
): Record<string, unknown> {
  const defaults = datasets.get(kind).defaults as Record<string, unknown>;
  const byFlag = new Map(Object.keys(defaults).map((key) => [flagName(key), key]));
  const options: Record<string, unknown> = {};
  for (const name of Object.keys(datasetFlags(skip))) {
    if (args[name] === undefined) continue;
    const key = byFlag.get(name);
    if (!key)
      throw new SegError(
        `--${name}`,
        `is no option of data set ${kind}`,
        `it has: ${[...byFlag.keys()].map((flag) => `--${flag}`).join(", ")}`,
      );
    options[key] = convert(args[name], typeof defaults[key]);
  }
  return options;
}

/** `--decoder.channels 64,32` and the like: everything below a prefix, nested at dots. A value and options below it are an error. */
export function dottedOptions(args: Readonly<Record<string, unknown>>, prefix: string): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(args)) {
    if (!key.startsWith(`${prefix}.`)) continue;
    const above = Object.keys(args).find((other) => other.startsWith(`${prefix}.`) && key.startsWith(`${other}.`));
    if (above !== undefined)
      throw new SegError(`--${key}`, `--${above} is given a value of its own`, "give one of the two");
    const path = key.slice(prefix.length + 1).split(".");
    let at = out;
    for (const part of path.slice(0, -1)) {
      at[part] ??= {};
      at = at[part] as Record<string, unknown>;
    }
    at[path[path.length - 1]] = parseValue(value);
  }
  return out;
}

/** true, false, numbers, comma lists of numbers, else text. */
function parseValue(value: unknown): unknown {
  if (typeof value !== "string") return value;
  if (value === "true" || value === "false") return value === "true";
  if (/^[-+.\de]+(,[-+.\de]+)+$/.test(value)) return convert(value, "array");
  return convert(value, "number");
}
