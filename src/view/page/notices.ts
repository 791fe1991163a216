/** @file What the page has to tell beyond its pictures: one line for each matter, gone when the matter is. */

/** What a line is about; the first of these that has one is shown. */
const MATTERS = ["page", "tiles", "pixel", "size"] as const;
export type Matter = (typeof MATTERS)[number];

/** Shows the line of a matter, or takes it away. */
export type Tell = (matter: Matter, line: string | undefined) => void;

/** The lines shown in an element, which is hidden while there is none. */
export function createNotices(place: { hidden: unknown; textContent: unknown }): Tell {
  const lines = new Map<Matter, string | undefined>();
  return (matter, line) => {
    lines.set(matter, line);
    const text = MATTERS.map((one) => lines.get(one)).find((one) => one !== undefined) ?? "";
    place.hidden = text === "";
    if (place.textContent !== text) place.textContent = text; // what stays the same is not read out again
  };
}

/** A fault as a line: what cannot be done, and why. */
export const faultLine = (what: string, error: unknown): string =>
  `${what}: ${error instanceof Error ? error.message : error}`;
