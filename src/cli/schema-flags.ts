/** @file Flags made from the one configuration schema, and their values turned into what the schema checks. */
import type { Options } from "yargs";
import { flagOf, trainConfig } from "../config.js";

interface FieldType {
  readonly type: string;
  readonly choices?: readonly string[];
}

/** Fields that are sets of options with flags of their own. */
const NESTED = new Set(["decoderOptions", "datasetOptions", "lossOptions"]);
type Definition = {
  readonly type: string;
  readonly innerType?: { readonly def: Definition };
  readonly entries?: Record<string, string>;
  readonly options?: readonly { readonly def: Definition }[];
};

const fieldTypes: ReadonlyMap<string, FieldType> = new Map(
  Object.entries(trainConfig.shape)
    .filter(([key]) => !NESTED.has(key))
    .map(([key, schema]) => [key, typeOf((schema as unknown as { def: Definition }).def)]),
);

function typeOf(definition: Definition): FieldType {
  if (definition.innerType) return typeOf(definition.innerType.def);
  if (definition.type === "enum") return { type: "string", choices: Object.keys(definition.entries ?? {}) };
  return { type: definition.type === "union" ? "number" : definition.type };
}

/** Shown before the options of data sets. */
const group = "Options of the training:";

/** yargs options of every field, without defaults: what is not given must not hide the configuration file. */
export function schemaFlags(): Record<string, Options> {
  const flags: Record<string, Options> = {};
  for (const [key, { type, choices }] of fieldTypes) {
    const describe = (trainConfig.shape as Record<string, { description?: string }>)[key].description ?? "";
    const usual = defaultOf(key);
    const shown = usual === undefined || usual === false ? describe : `${describe} [default: ${usual}]`;
    flags[flagOf(key).slice(2)] =
      type === "boolean"
        ? { type, describe: shown, group }
        : { type: "string", describe: shown, group, requiresArg: true, ...(choices ? { choices: [...choices] } : {}) };
  }
  return flags;
}

function defaultOf(key: string): unknown {
  const parsed = (
    trainConfig.shape as Record<string, { safeParse(value: unknown): { success: boolean; data?: unknown } }>
  )[key].safeParse(undefined);
  return parsed.success ? parsed.data : undefined;
}

/** The fields among the arguments, in the schema's types. Text that is no number stays text, so that the schema refuses it by name. */
export function fieldsOf(args: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const [key, { type }] of fieldTypes) {
    const value = args[flagOf(key).slice(2)];
    if (value !== undefined) fields[key] = convert(value, type);
  }
  return fields;
}

/** Text of a flag as a value of a type. */
export function convert(value: unknown, type: string): unknown {
  if (Array.isArray(value) && type !== "array") return value; // given twice: the schema names it
  if (type === "number") return numberOr(value);
  if (type === "array") return [value].flat().flatMap((part) => String(part).split(",").map(numberOr));
  if (type === "boolean" && typeof value === "string")
    return value === "true" ? true : value === "false" ? false : value;
  return value;
}

function numberOr(value: unknown): unknown {
  const text = String(value).trim();
  const number = Number(text);
  return text !== "" && Number.isFinite(number) ? number : value;
}
