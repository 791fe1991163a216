/**
 * @file Class names and colours: from an option, from a file beside the data, or made up.
 * Forms: a count; `sky,road`; `sky:#87ceeb,road:#404040`; a list of names or {name, color}; {name: colour}; a file's path.
 */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { parse as parseYaml } from "yaml";
import type { ClassInfo } from "../contract.js";
import { SegError } from "../errors.js";
import { type Color, defaultPalette } from "../raster/index.js";

/** Classes as given; a colour is undefined where none was named. */
export interface NamedClass {
  readonly name: string;
  readonly color?: Color;
}

/** Label values 0..254; 255 is IGNORE. */
const MAX_CLASSES = 255;
const CLASS_FILES = ["classes.txt", "classes.json", "classes.yaml", "classes.yml"];

/** Classes of an option, or of classes.txt, .json or .yaml below the root; undefined where neither is there. */
export async function findClasses(root: string, option: unknown): Promise<NamedClass[] | undefined> {
  if (typeof option === "string" && /\.(txt|json|ya?ml)$/i.test(option)) return readClassFile(root, option);
  if (option !== null && option !== undefined) return parseClasses(option, "classes");
  for (const name of CLASS_FILES) {
    const found = await readClassFile(root, name).catch((error: unknown) => {
      const code = error instanceof SegError && (error.cause as NodeJS.ErrnoException | undefined)?.code;
      if (code === "ENOENT" || code === "ENOTDIR") return undefined; // the root may be one file
      throw error;
    });
    if (found) return found;
  }
  return undefined;
}

async function readClassFile(root: string, name: string): Promise<NamedClass[]> {
  const path = resolve(root, name);
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new SegError(path, "cannot be read", "check the option classes", 2, { cause });
  });
  if (/\.txt$/i.test(name)) return check(text.split(/\r?\n/).filter(isContent).map(classLine), path);
  return parseClasses(parseDocument(path, text), path);
}

const isContent = (line: string): boolean => line.trim() !== "" && !/^\s*(\/\/|# )/.test(line);

function parseDocument(path: string, text: string): unknown {
  try {
    return parseYaml(text); // JSON is YAML
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).split("\n")[0];
    throw new SegError(path, `is not JSON or YAML (${reason})`, "give a list of names");
  }
}

/** A line of classes.txt: a name with its colour before or behind it (`r g b` or `#rrggbb`), or a name alone. */
function classLine(line: string): NamedClass {
  const numbers = String.raw`(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\d{1,3})`;
  const before = new RegExp(`^\\s*${numbers}[\\s,]+(.+?)\\s*$`).exec(line);
  if (before) return { name: before[4], color: toColor([+before[1], +before[2], +before[3]], line) };
  const behind = new RegExp(`^\\s*(.+?)[\\s,:]+${numbers}\\s*$`).exec(line);
  if (behind) return { name: behind[1], color: toColor([+behind[2], +behind[3], +behind[4]], line) };
  const hex = /^\s*(.+?)[\s,:]+(#[0-9a-f]{6})\s*$/i.exec(line);
  return hex ? { name: hex[1], color: parseColor(hex[2]) } : { name: line.trim() };
}

/** The classes an option (a string, a count, a list, an object) stands for; `subject` names it in errors. */
export function parseClasses(value: unknown, subject: string): NamedClass[] {
  if (typeof value === "string" && /^\d+$/.test(value.trim())) return countedClasses(Number(value), subject);
  if (typeof value === "number") return countedClasses(value, subject);
  if (typeof value === "string") {
    const items = value.split(",").map((item) => item.trim());
    return check(items.map(namedWithColor), subject);
  }
  if (Array.isArray(value))
    return check(
      value.map((item) => classItem(item, subject)),
      subject,
    );
  if (typeof value === "object" && value !== null) {
    if ("classes" in value) return parseClasses(value.classes, subject);
    return check(
      Object.entries(value).map(([name, color]) => ({ name, color: toColor(color, subject) })),
      subject,
    );
  }
  throw wrong(subject, String(value));
}

function namedWithColor(item: string): NamedClass {
  const found = /^(.*?)\s*[:=]\s*(#[0-9a-f]{6})$/i.exec(item);
  return found ? { name: found[1], color: parseColor(found[2]) } : { name: item };
}

function classItem(item: unknown, subject: string): NamedClass {
  if (typeof item === "string") return namedWithColor(item);
  if (typeof item === "number") return { name: String(item) };
  if (typeof item !== "object" || item === null || !("name" in item)) throw wrong(subject, JSON.stringify(item));
  const color = "color" in item ? item.color : "colour" in item ? item.colour : undefined;
  const name = String(item.name);
  return color === undefined || color === null ? { name } : { name, color: toColor(color, subject) };
}

const wrong = (subject: string, got: string) =>
  new SegError(subject, `${got} does not name classes`, "give names as a,b,c or a list of {name, color}");

/** Classes called by their number. */
export function countedClasses(count: number, subject: string): NamedClass[] {
  if (!Number.isInteger(count) || count < 1) throw wrong(subject, String(count));
  return check(
    Array.from({ length: count }, (_, i) => ({ name: `class ${i}` })),
    subject,
  );
}

function check(classes: NamedClass[], subject: string): NamedClass[] {
  if (classes.length === 0) throw new SegError(subject, "names no class", "name one class a line");
  if (classes.length > MAX_CLASSES) {
    throw new SegError(
      subject,
      `${classes.length} classes are more than ${MAX_CLASSES}`,
      "merge some with the option classMap",
    );
  }
  const names = new Set<string>();
  for (const { name } of classes) {
    if (name === "" || names.has(name))
      throw new SegError(subject, `class "${name}" is empty or named twice`, "name each once");
    names.add(name);
  }
  return classes;
}

function toColor(value: unknown, subject: string): Color {
  if (typeof value === "string") return parseColor(value);
  if (Array.isArray(value) && value.length === 3 && value.every(isByte)) return [value[0], value[1], value[2]];
  throw new SegError(subject, `${JSON.stringify(value)} is not a colour`, "write #rrggbb or [r, g, b]");
}

const isByte = (value: unknown): value is number =>
  Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 255;

/** The colour `#rrggbb` stands for; SegError for another text. */
export function parseColor(text: string): Color {
  const digits = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(text.trim());
  if (!digits) throw new SegError(text, "is not a colour", "write #rrggbb");
  return [Number.parseInt(digits[1], 16), Number.parseInt(digits[2], 16), Number.parseInt(digits[3], 16)];
}

/** Classes with a colour each; those without one get one that is not taken. A first class `background` is black. */
export function colorClasses(classes: readonly NamedClass[]): ClassInfo[] {
  const taken = new Set(classes.map(({ color }) => String(color)));
  const free = defaultPalette(classes.length * 2 + 8).filter((color) => !taken.has(String(color)));
  return classes.map(({ name, color }, i) => {
    const black: Color | undefined = i === 0 && name === "background" && !taken.has("0,0,0") ? [0, 0, 0] : undefined;
    return { name, color: color ?? black ?? free.shift() ?? [128, 128, 128] };
  });
}
