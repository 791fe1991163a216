/** @file Results on stdout: aligned tables for people, JSON where asked for. */
import Table from "cli-table3";

/** Prints JSON, or what `show` prints. */
export function print(json: unknown, value: unknown, show: () => void): void {
  if (json) console.log(JSON.stringify(value, null, 2));
  else show();
}

/** An aligned table without lines. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const blank = {
    top: "",
    "top-mid": "",
    "top-left": "",
    "top-right": "",
    bottom: "",
    "bottom-mid": "",
    "bottom-left": "",
    "bottom-right": "",
  };
  const lines = { left: "", "left-mid": "", mid: "", "mid-mid": "", right: "", "right-mid": "", middle: "  " };
  const drawn = new Table({
    chars: { ...blank, ...lines },
    style: { "padding-left": 0, "padding-right": 0, head: [], border: [] },
  });
  drawn.push([...head], ...rows.map((row) => [...row]));
  console.log(drawn.toString().replace(/ +$/gm, ""));
}

export const percent = (value: number | null | undefined): string =>
  value === null || value === undefined ? "-" : `${(100 * value).toFixed(2)} %`;
