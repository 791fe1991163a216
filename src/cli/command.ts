/** @file What a command is, and the check of what the user typed: unknown flags are errors that name the nearest one. */
import type { Argv, Options } from "yargs";
import { SegError } from "../errors.js";
import { unknownName } from "../registry.js";

/** Arguments as yargs parsed them: flags in kebab-case. */
export type GivenArguments = Readonly<Record<string, unknown>> & { readonly _: readonly (string | number)[] };

/** The arguments of a checked command line. */
export type Arguments = Readonly<Record<string, unknown>>;

export interface Command {
  /** Adds positionals, flags and examples. */
  build(y: Argv): Argv | Promise<Argv>;
  /** Flags the command knows, without dashes; a trailing `.` allows anything below (`decoder.`). */
  readonly flags: readonly string[] | ((args: GivenArguments) => Promise<readonly string[]>);
  /** Does the work; resolves to the exit code. */
  run(args: Arguments): Promise<number>;
}

/** Defines a command from its flags. */
export function defineCommand(
  options: Readonly<Record<string, Options>>,
  run: Command["run"],
  more: (y: Argv) => Argv = (y) => y,
): Command {
  return { build: (y) => more(y.options({ ...options })), flags: Object.keys(options), run };
}

const COMMON = ["help", "version", "debug", "$0", "_"];

/** Refuses flags the command does not know and flags given twice that take one value. */
export async function checkArguments(args: GivenArguments, command: Command, usage: string): Promise<Arguments> {
  const positionals = [...usage.matchAll(/[[<](\w+)/g)].map((match) => match[1]);
  const flags = typeof command.flags === "function" ? await command.flags(args) : command.flags;
  const known = new Set([...flags, ...positionals, ...COMMON]);
  const prefixes = flags.filter((flag) => flag.endsWith("."));
  for (const key of Object.keys(args)) {
    if (!known.has(key) && !prefixes.some((prefix) => key.startsWith(prefix))) {
      const names = flags.filter((flag) => !flag.endsWith(".")).map((flag) => `--${flag}`);
      throw unknownName(`option of seg ${usage.split(" ")[0]}`, `--${key}`, names);
    }
  }
  if (args._.length > 1)
    throw new SegError(String(args._[1]), "is one argument too many", `see seg ${usage.split(" ")[0]} --help`);
  return args;
}

/** A whole number of at least `least`, or undefined where the flag was not given. */
export function wholeNumber(args: Arguments, flag: string, least = 1): number | undefined {
  const given = args[flag];
  if (given === undefined) return undefined;
  const value = Number(given);
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new SegError(
    `--${flag} ${given}`,
    `is no whole number of at least ${least}`,
    `give a number, e.g. --${flag} ${Math.max(least, 1)}`,
  );
}

/** `4,3,2` as numbers, or undefined. */
export function numberList(args: Arguments, flag: string): number[] | undefined {
  const given = args[flag];
  if (given === undefined) return undefined;
  const values = String(given).split(",").map(Number);
  if (values.every((value) => Number.isSafeInteger(value) && value > 0)) return values;
  throw new SegError(`--${flag} ${given}`, "is no list of whole numbers from 1", `write it like --${flag} 4,3,2`);
}

/** A flag's text, or undefined. Given twice is an error. */
export function text(args: Arguments, flag: string): string | undefined {
  const given = args[flag];
  if (given === undefined) return undefined;
  if (Array.isArray(given)) throw new SegError(`--${flag}`, "is given twice", "give it once");
  return String(given);
}

/** A flag's text; missing is an error. */
export function required(args: Arguments, flag: string): string {
  const value = text(args, flag);
  if (value === undefined || value === "") throw new SegError(`--${flag}`, "is missing", "give it; --help shows how");
  return value;
}
