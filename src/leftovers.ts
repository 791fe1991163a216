/** @file What a killed process left of outputs it was writing: found by name and removed when the output is made again. */
import { readdir, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** `.NAME.PID-N.partial`, as src/files.ts names a file that is being made. */
const LEFTOVER = /^\.(.*)\.(\d+)-(\d+)\.partial$/;

/** Removes temporary files and folders of these outputs whose process is gone; those of other files are left alone. */
export async function sweepLeftovers(outputs: readonly string[]): Promise<void> {
  const wanted = new Map<string, Set<string>>();
  for (const path of outputs) {
    const names = wanted.get(dirname(path)) ?? new Set();
    wanted.set(dirname(path), names.add(basename(path)));
  }
  for (const [folder, names] of wanted) {
    for (const name of await readdir(folder).catch(() => [])) {
      const [, target, pid, number] = LEFTOVER.exec(name) ?? [];
      if (names.has(target) && isGone(Number(pid), Number(number)))
        await rm(join(folder, name), { recursive: true, force: true });
    }
  }
}

/** Numbers count up from the start of a process, so a smaller one beside our id is of an earlier process that had it. */
const isGone = (pid: number, number: number) =>
  pid === process.pid ? number < performance.timeOrigin : !isRunning(pid);

/** Whether a process of this machine runs. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
