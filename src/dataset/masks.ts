/**
 * @file Stored masks to class indices [H, W] by a label scheme. A value that is neither a class nor ignored is an error that
 * names the file, the value and the first pixel holding it.
 */
import { IGNORE, type LabelMap } from "../contract.js";
import { SegError } from "../errors.js";
import { type IndexedImage, readIndexed } from "../raster/index.js";
import type { LabelScheme, NamedMask } from "./scheme.js";

/** No class and not ignored. */
const NOTHING = -1;

/** What is special about one mask. */
export interface MaskContext {
  readonly file: string;
  /** Where the piece read lies in the file; errors name pixels of the file. */
  readonly origin?: { readonly x: number; readonly y: number };
  /** One more ignored value: the file's own nodata. */
  readonly nodata?: number;
}

/** Class indices of a mask, IGNORE where ignored. SegError for the first value that is neither. */
export function toLabels(mask: IndexedImage, scheme: LabelScheme, context: MaskContext): LabelMap {
  const { width, height } = mask;
  const colored =
    scheme.colors !== undefined && (mask.bands >= 3 || (mask.palette !== undefined && scheme.mapped && !scheme.values));
  if (scheme.mapped && !scheme.values && !colored) {
    throw new SegError(
      context.file,
      "is a mask of values, classMap names colours",
      "map the values: 0=background,1=road",
    );
  }
  const data = colored ? fromColors(mask, scheme, context) : fromValues(mask, scheme, context);
  return { data, width, height };
}

function fromValues(mask: IndexedImage, scheme: LabelScheme, context: MaskContext): Uint8Array {
  const stored = greyValues(mask, context.file);
  const table = valueTable(scheme, context.nodata, stored instanceof Uint16Array ? 65536 : 256);
  const out = new Uint8Array(stored.length);
  for (let i = 0; i < stored.length; i++) {
    const label = table[stored[i]];
    if (label === NOTHING) throw outside(String(stored[i]), i, mask.width, scheme, context);
    out[i] = label;
  }
  return out;
}

function valueTable(scheme: LabelScheme, nodata: number | undefined, size: number): Int16Array {
  const table = new Int16Array(size).fill(NOTHING);
  if (nodata !== undefined && nodata in table) table[nodata] = IGNORE;
  if (scheme.ignore < size) table[scheme.ignore] = IGNORE;
  if (scheme.values) for (const [value, label] of scheme.values) table[value] = label;
  else for (let i = 0; i < Math.min(scheme.classes.length, size); i++) if (i !== scheme.ignore) table[i] = i;
  return table;
}

function fromColors(mask: IndexedImage, scheme: LabelScheme, context: MaskContext): Uint8Array {
  const { data, bands, width, palette } = mask;
  checkAlpha(mask, context.file);
  const colors = scheme.colors ?? new Map<number, number>();
  const [source, step] = palette ? [palette, 3] : [data, bands];
  const pixels = data.length / bands;
  const out = new Uint8Array(pixels);
  let last = -1;
  let label: number | undefined;
  for (let i = 0; i < pixels; i++) {
    const at = (palette ? data[i] : i) * step;
    const color = source[at] * 65536 + source[at + 1] * 256 + source[at + 2];
    if (color !== last) label = colors.get(color);
    last = color;
    if (label === undefined) throw outside(`#${color.toString(16).padStart(6, "0")}`, i, width, scheme, context);
    out[i] = label;
  }
  return out;
}

function outside(value: string, at: number, width: number, scheme: LabelScheme, context: MaskContext): SegError {
  const x = (at % width) + (context.origin?.x ?? 0);
  const y = Math.floor(at / width) + (context.origin?.y ?? 0);
  const what = value.startsWith("#") ? "colour" : "value";
  const classes = `0 to ${scheme.classes.length - 1}`;
  const allowed = what === "colour" || scheme.values ? "the class map does not name it" : `classes are ${classes}`;
  const reason = `${what} ${value} at column ${x}, row ${y} is no class (${allowed}) and not ignored (${scheme.ignore})`;
  const map = [...keptMeanings(scheme), `${value}=ignore`].join(",");
  return new SegError(context.file, reason, `say what it is: --class-map "${map}", or mend the mask`);
}

/** A class map replaces the meaning of values altogether, so a scheme without one spells out what its values mean. */
const keptMeanings = ({ classes, values, colors }: LabelScheme) =>
  values || colors ? [] : classes.map(({ name }, i) => `${i}=${name}`);

/** The one value a pixel holds: a band, or three equal ones. SegError for colours and for transparency. */
export function greyValues(mask: IndexedImage, file: string): Uint8Array | Uint16Array {
  const { data, bands, width } = mask;
  if (bands === 1) return data;
  checkAlpha(mask, file);
  const out = data instanceof Uint16Array ? new Uint16Array(data.length / bands) : new Uint8Array(data.length / bands);
  for (let i = 0, at = 0; i < out.length; i++, at += bands) {
    if (bands >= 3 && (data[at] !== data[at + 1] || data[at] !== data[at + 2])) {
      const reason = `is a mask of colours, (${data.slice(at, at + 3).join(", ")}) at column ${i % width}, row ${Math.floor(i / width)}`;
      throw new SegError(file, reason, 'say what they stand for with the option classMap, e.g. "#ff0000=building"');
    }
    out[i] = data[at];
  }
  return out;
}

function checkAlpha({ data, bands }: IndexedImage, file: string): void {
  if (bands !== 1 && bands !== 2 && bands !== 3 && bands !== 4) {
    throw new SegError(file, `a mask has 1 or 3 bands, this one ${bands}`, "store class indices in one band");
  }
  if (bands === 1 || bands === 3) return;
  const full = data instanceof Uint16Array ? 65535 : 255;
  for (let at = bands - 1; at < data.length; at += bands) {
    if (data[at] !== full) throw new SegError(file, "is a mask with transparent pixels", "store it without alpha");
  }
}

/** Reads mask files one after another. */
export async function* readMasks(files: readonly string[]): AsyncGenerator<NamedMask> {
  for (const file of files) yield { ...(await readIndexed(file)), file };
}
