/** @file One process at a time in a run folder: `lock.json` made with O_EXCL, naming who holds it. A dead holder's lock is taken over. */
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { link, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { SegError } from "./errors.js";
import { writeFault } from "./files.js";
import { isRunning } from "./leftovers.js";

interface Holder {
  readonly pid: number;
  readonly host: string;
  readonly started: string;
  /** Start of the process in clock ticks since boot (Linux), so that a reused pid is not taken for the holder. */
  readonly ticks?: string;
}

/** Takes the lock of a folder; resolves to the call that gives it back. `force`: take it from another machine. `makeLink`: for tests. */
export async function acquireLock(
  folder: string,
  options: { readonly force?: boolean; readonly makeLink?: typeof link } = {},
): Promise<() => Promise<void>> {
  const path = join(folder, "lock.json");
  const mine = await writeClaim(folder);
  try {
    for (let attempt = 0; attempt < 500; attempt++) {
      if (await tryLink(mine, path, options.makeLink ?? link)) return () => rm(path, { force: true });
      await clearStale(path, folder, options.force ?? false);
    }
  } finally {
    await rm(mine, { force: true });
  }
  throw new SegError(folder, "its lock cannot be taken", "try again");
}

/** The claim is written whole before it becomes the lock by a hard link: nobody ever reads half a lock. */
async function writeClaim(folder: string): Promise<string> {
  const path = join(folder, `.lock-${process.pid}-${randomUUID()}`);
  const holder: Holder = {
    pid: process.pid,
    host: hostname(),
    started: new Date().toISOString(),
    ticks: startTicks(process.pid),
  };
  await writeFile(path, JSON.stringify(holder), { flag: "wx" }).catch((error) => {
    throw writeFault(folder, error);
  });
  return path;
}

/** What file systems without hard links answer: exFAT, some of networks. */
const NO_LINKS = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"];

async function tryLink(from: string, to: string, makeLink: typeof link): Promise<boolean> {
  const byCopy = async (error: NodeJS.ErrnoException) => {
    if (!NO_LINKS.includes(error.code ?? "")) throw error;
    await writeFile(to, await readFile(from), { flag: "wx" });
  };
  try {
    await makeLink(from, to).catch(byCopy);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw writeFault(to, error);
  }
}

/** Removes the lock of a dead process; a live or foreign holder is an error that names it. */
async function clearStale(path: string, folder: string, force: boolean): Promise<void> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined) return; // given back in between
  if (text === "" && (await ageOf(path)) < BREAKING_MILLISECONDS) return void (await setTimeout(20)); // made without a link, about to be written
  const holder = parseHolder(text);
  if (holder && holder.host !== hostname() && !force) {
    throw new SegError(
      folder,
      `is in use by process ${holder.pid} on ${holder.host} since ${holder.started}`,
      "wait for it, or use --force if that machine is gone",
    );
  }
  if (holder && holder.host === hostname() && isAlive(holder)) {
    throw new SegError(
      folder,
      `is in use by process ${holder.pid} on ${holder.host} since ${holder.started}`,
      "wait for it, or choose another folder",
    );
  }
  await takeAway(path, text);
}

/**
 * Removes a stale lock. Only the one process that holds the `.breaking` folder may, and only what it still finds stale: nobody's fresh lock is
 * taken away. A process killed in between leaves the folder, which counts for nothing after some seconds.
 */
async function takeAway(path: string, seen: string): Promise<void> {
  const breaking = `${path}.breaking`;
  if (!(await tryMakeFolder(breaking))) return waitForBreaker(breaking);
  try {
    const now = await readFile(path, "utf8").catch(() => undefined);
    if (now === seen) await rm(path, { force: true });
  } finally {
    await rm(breaking, { recursive: true, force: true });
  }
}

async function tryMakeFolder(path: string): Promise<boolean> {
  try {
    await mkdir(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

const BREAKING_MILLISECONDS = 5000;

async function waitForBreaker(breaking: string): Promise<void> {
  if ((await ageOf(breaking)) > BREAKING_MILLISECONDS) await rm(breaking, { recursive: true, force: true });
  else await setTimeout(20);
}

/** Milliseconds since a change; 0 where it is gone in between. */
const ageOf = (path: string) =>
  stat(path).then(
    ({ mtimeMs }) => Date.now() - mtimeMs,
    () => 0,
  );

function parseHolder(text: string): Holder | undefined {
  try {
    const value = JSON.parse(text) as Partial<Holder>;
    return typeof value.pid === "number" && typeof value.host === "string" ? (value as Holder) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined; // damaged: nobody holds it
    throw error;
  }
}

function isAlive(holder: Holder): boolean {
  if (!isRunning(holder.pid)) return false;
  const ticks = startTicks(holder.pid);
  return holder.ticks === undefined || ticks === undefined || ticks === holder.ticks;
}

/** Field 22 of /proc/PID/stat; undefined where there is no such file. */
function startTicks(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ")[19];
  } catch (error) {
    if (["ENOENT", "ESRCH", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}
