/**
 * @file The label scheme of a dataset: its classes and what each stored mask value means. Values are checked, never coerced.
 */
import { type ClassInfo, IGNORE } from "../contract.js";
import { SegError } from "../errors.js";
import type { IndexedImage } from "../raster/index.js";
import { type ClassMap, classesOfMap, packColor, parseClassMap, resolveClassMap, splitKeys } from "./class-map.js";
import { colorClasses, countedClasses, findClasses, type NamedClass } from "./classes.js";
import { greyValues } from "./masks.js";

/** What stored values stand for. */
export interface LabelScheme {
  readonly classes: readonly ClassInfo[];
  /** Class or IGNORE of a value; undefined: the value is the class. */
  readonly values?: ReadonlyMap<number, number>;
  /** Class or IGNORE of an RGB colour (see packColor); undefined: colours mean nothing. */
  readonly colors?: ReadonlyMap<number, number>;
  /** Whether `colors` comes from a class map: values without a meaning of their own are then refused. */
  readonly mapped?: boolean;
  /** The value that is ignored, unless `values` says otherwise. */
  readonly ignore: number;
}

/** Options every dataset with masks has. */
export interface LabelOptions {
  /** A count, names, names with colours, or a file that lists them; null: classes.txt, .json, .yaml, else counted. */
  readonly classes: unknown;
  /** What values or colours stand for; null: the value is the class. */
  readonly classMap: unknown;
  /** The value that counts nowhere; null: 255. */
  readonly ignoreIndex: number | null;
}

/** A mask with the file it is from. */
export type NamedMask = IndexedImage & { readonly file: string };

/** Where the scheme of a dataset comes from. */
export interface SchemeSource {
  readonly root: string;
  readonly options: LabelOptions;
  /** All masks, or pieces of them; read only when the options leave something open. */
  masks(): AsyncIterable<NamedMask>;
  readonly warnings: string[];
}

/** Settles classes, colours and the meaning of values; reads the masks once where nothing states the classes. */
export async function makeScheme(source: SchemeSource): Promise<LabelScheme> {
  const { root, options, warnings } = source;
  const given = await findClasses(root, options.classes);
  const map = parseClassMap(options.classMap);
  const ignore = ignoredValue(options.ignoreIndex);
  if (map) return mappedScheme(given ?? classesOfMap(map), map, ignore, options.ignoreIndex !== null);
  if (!given) {
    const counted = await countClasses(source, ignore);
    warnings.push(`${root}: no class names are given; the masks show ${counted.classes.length} classes`);
    return counted;
  }
  const colors = given.every(({ color }) => color)
    ? new Map(given.map(({ color }, i) => [packColor(color!), i]))
    : undefined;
  const scheme = { classes: colorClasses(given), ignore, ...(colors && { colors }) };
  const open = given.length === 2 && options.ignoreIndex === null && !colors;
  return open && (await isBlackAndWhite(source)) ? { ...scheme, values: BLACK_AND_WHITE } : scheme;
}

/** Masks drawn in black and white: 255 is the foreground, not the ignored value. */
const BLACK_AND_WHITE: ReadonlyMap<number, number> = new Map([
  [0, 0],
  [255, 1],
]);

function ignoredValue(option: number | null): number {
  if (option === null) return IGNORE;
  if (Number.isInteger(option) && option >= 0 && option <= 65535) return option;
  throw new SegError(`ignoreIndex ${option}`, "is no pixel value", "give the value that counts nowhere, e.g. 255");
}

function mappedScheme(named: readonly NamedClass[], map: ClassMap, ignore: number, stated: boolean): LabelScheme {
  const classes = colorClasses(named);
  const { values, colors } = splitKeys(resolveClassMap(map, classes));
  const target = stated ? values.get(ignore) : undefined;
  if (target !== undefined && target !== IGNORE) {
    throw new SegError(`ignoreIndex ${ignore}`, `classMap makes it ${classes[target].name}`, "drop one of the two");
  }
  return { classes, ignore, ...(values.size > 0 && { values }), ...(colors.size > 0 && { colors, mapped: true }) };
}

async function countClasses(source: SchemeSource, ignore: number): Promise<LabelScheme> {
  const seen = new Set<number>();
  for await (const mask of source.masks()) addValues(mask, seen);
  if (seen.size === 0) throw new SegError(source.root, "has no labelled pixel", "check the options images and masks");
  if (source.options.ignoreIndex === null && onlyBlackAndWhite(seen)) {
    const classes = colorClasses([{ name: "background" }, { name: "foreground" }]);
    return { classes, ignore, values: BLACK_AND_WHITE };
  }
  seen.delete(ignore);
  const count = Math.max(...seen, 0) + 1;
  if (count > 255) {
    const reason = `masks hold values up to ${count - 1}: no class indices`;
    throw new SegError(source.root, reason, "say what they stand for with the option classMap");
  }
  return { classes: colorClasses(countedClasses(count, "classes")), ignore };
}

const onlyBlackAndWhite = (seen: ReadonlySet<number>) => seen.has(255) && [...seen].every((v) => v === 0 || v === 255);

/** Whether all masks hold nothing but 0 and 255; stops at the first that does. */
async function isBlackAndWhite(source: SchemeSource): Promise<boolean> {
  const seen = new Set<number>();
  for await (const mask of source.masks()) {
    addValues(mask, seen);
    if ([...seen].some((value) => value !== 0 && value !== 255)) return false;
  }
  return seen.has(255);
}

function addValues(mask: NamedMask, seen: Set<number>): void {
  let last = -1;
  for (const value of greyValues(mask, mask.file)) {
    if (value === last) continue; // masks are runs of one value
    seen.add(value);
    last = value;
  }
}
