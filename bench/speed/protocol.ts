/**
 * @file What a measured program and the runner say to each other: arguments in, JSON lines out. Programs in TypeScript use this file, those in
 * Python peers/common.py, which does the same.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

/** One line of a measured program; several keys may stand in one line. */
export interface Line {
  /** One timed repeat. */
  readonly seconds?: number;
  /** Largest resident set of the process so far. */
  readonly peakBytes?: number;
  readonly versions?: Readonly<Record<string, string>>;
  /** Trained parameters: the same on both sides, or they do not do the same work. */
  readonly parameters?: number;
  readonly loss?: number;
  /** Any other figure: flops, cosine, share of the time outside the model. */
  readonly figures?: Readonly<Record<string, number>>;
  /** Why this cannot be measured here. */
  readonly unavailable?: string;
}

export interface Repeats {
  readonly warmUp: number;
  readonly repeats: number;
  readonly threads: number;
}

/** The common arguments and the program's own (all strings, with these defaults). */
export function programArguments<T extends Readonly<Record<string, string>>>(
  defaults: T,
): Repeats & { readonly own: { readonly [K in keyof T]: string } } {
  const common = { "warm-up": "1", repeats: "5", threads: "2" };
  const options = Object.fromEntries(
    Object.entries({ ...common, ...defaults }).map(
      ([name, value]) => [name, { type: "string", default: value }] as const,
    ),
  );
  const values = parseArgs({ options }).values as Record<string, string>;
  const [warmUp, repeats, threads] = Object.keys(common).map((name) => Number(values[name]));
  return { warmUp, repeats, threads, own: values as { [K in keyof T]: string } };
}

/** Prints a line. */
export const say = (line: Line): void => console.log(JSON.stringify(line));

/** Does the work so often; says the time of each repeat after the warm-up and, at the end, the peak. `work` may give its own seconds. */
export async function measure({ warmUp, repeats }: Repeats, work: () => Promise<number | undefined>): Promise<void> {
  for (let i = 0; i < warmUp + repeats; i++) {
    const began = performance.now();
    const own = await work();
    if (i >= warmUp) say({ seconds: own ?? (performance.now() - began) / 1000 });
  }
  say({ peakBytes: peakBytes() });
}

/** VmHWM where there is one: maxRSS of a child starts at what its parent had. */
export function peakBytes(): number {
  try {
    const kilobytes = readFileSync("/proc/self/status", "utf8").match(/^VmHWM:\s+(\d+) kB$/m)?.[1];
    if (kilobytes) return Number(kilobytes) * 1024;
  } catch {
    // no such file outside Linux
  }
  return process.resourceUsage().maxRSS * 1024;
}
