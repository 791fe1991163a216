/** @file A registry: a module of re-exports turned into a table of named parts, with a helpful error for a wrong name. */
import { closest } from "fastest-levenshtein";
import { SegError } from "./errors.js";

/** Named parts of one kind; iteration gives `[name, part]` in order of registration. */
export interface Registry<T> extends Iterable<[string, T]> {
  readonly kind: string;
  names(): string[];
  has(name: string): boolean;
  /** The part called `name`; an unknown name is an error that lists what exists and the nearest name. */
  get(name: string): T;
  /** Adds a part made outside the package (plugins); a name that is taken is an error. */
  register(name: string, part: T): void;
}

/** Collects families (`{ familyA: { name: part } }`) into one registry; a duplicate name throws. */
export function registry<T>(kind: string, families: Record<string, Record<string, T>>): Registry<T> {
  const parts = new Map<string, T>();
  const self: Registry<T> = {
    kind,
    names: () => [...parts.keys()],
    has: (name) => parts.has(name),
    get(name) {
      const part = parts.get(name);
      if (part !== undefined) return part;
      throw unknownName(kind, name, self.names());
    },
    register(name, part) {
      if (parts.has(name)) throw new SegError(name, `there is already a ${kind} of this name`, "choose another name");
      parts.set(name, part);
    },
    [Symbol.iterator]: () => parts.entries(),
  };
  for (const family of Object.values(families)) {
    for (const [name, part] of Object.entries(family)) self.register(name, part);
  }
  return self;
}

/** The error for a name that is not in a list: lists the names and suggests the nearest. */
export function unknownName(kind: string, name: string, names: readonly string[]): SegError {
  const hint = names.length
    ? `did you mean ${closest(name, names)}? There are: ${names.join(", ")}`
    : "none is registered";
  return new SegError(name === "" ? "(empty)" : name, `no such ${kind}`, hint);
}
