/** @file A child process whose resident memory is looked at while it runs (Linux: /proc). */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";

/** What a process took. */
export interface Watched {
  readonly stdout: string;
  readonly peakBytes: number;
  readonly samples: readonly { readonly seconds: number; readonly bytes: number }[];
}

const EVERY = 1000;

/** Runs node with arguments to its end; its talk is passed on. Rejects when it fails. */
export function runWatched(args: readonly string[]): Promise<Watched> {
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const began = performance.now();
  const samples: { seconds: number; bytes: number }[] = [];
  let [stdout, peakBytes] = ["", 0];
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  const look = () => {
    const status = statusOf(child.pid);
    if (!status?.peak) return; // gone, or ended and not yet waited for
    peakBytes = status.peak;
    samples.push({ seconds: (performance.now() - began) / 1000, bytes: status.now });
  };
  const timer = setInterval(look, EVERY);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      clearInterval(timer);
      if (code === 0) resolve({ stdout, peakBytes, samples });
      else reject(new Error(`${args.join(" ")} ended with ${code}`));
    });
  });
}

/** Resident bytes now, and the most so far; undefined once the process has gone. */
function statusOf(pid: number | undefined): { now: number; peak: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/status`, "utf8");
    const bytes = (name: string) => 1024 * Number(new RegExp(`${name}:\\s+(\\d+)`).exec(text)?.[1] ?? 0);
    return { now: bytes("VmRSS"), peak: bytes("VmHWM") };
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}
