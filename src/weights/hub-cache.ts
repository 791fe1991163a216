/**
 * @file The Hugging Face cache on disk (huggingface/huggingface_hub, docs/source/en/guides/manage-cache.md): blobs named by content hash, snapshots
 * of links to them by commit, refs from branch names to commits. Python finds what is stored here, and the other way round.
 */
import { existsSync } from "node:fs";
import { readdir, readFile, realpath, rm, symlink } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { SegError } from "../errors.js";
import { makeFolder, writeFileAtomic } from "../files.js";

/** $HF_HOME, or ~/.cache/huggingface. */
export function hubHome(): string {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
  return process.env.HF_HOME || join(cache, "huggingface");
}

/** The token sent to the hub's own host: $HF_TOKEN, or the one `huggingface-cli login` stored. */
export async function hubToken(): Promise<string | undefined> {
  const stored = async () => readFile(process.env.HF_TOKEN_PATH || join(hubHome(), "token"), "utf8").catch(() => "");
  const token = (process.env.HF_TOKEN || (await stored())).trim();
  return /^[\x21-\x7e]+$/.test(token) ? token : undefined;
}

/** Folder of a repository `organisation/name`; other spellings are refused, since they become paths. */
export function repositoryFolder(repository: string): string {
  if (!/^[\w-][\w.-]*\/[\w-][\w.-]*$/.test(repository)) {
    throw new SegError(repository, "is no name of a repository", "write ORGANISATION/NAME");
  }
  const root = process.env.HF_HUB_CACHE || join(hubHome(), "hub");
  return join(root, `models--${repository.replace("/", "--")}`);
}

/** Refuses file names and revisions that could leave their folder. */
export function checkRelative(name: string, what: string): string {
  const isPlain = /^[\w.@+-][\w.@+ /-]*$/.test(name) && !name.split("/").some((part) => ["", ".", ".."].includes(part));
  if (!isPlain) throw new SegError(name, `is no ${what}`, "write it as the hub does");
  return name;
}

/** The cached file: of the branch main, else of any snapshot that has it; undefined where there is none. */
export async function findCached(repository: string, file: string): Promise<string | undefined> {
  const snapshots = join(repositoryFolder(repository), "snapshots");
  checkRelative(file, "file of a repository");
  const main = await readFile(join(repositoryFolder(repository), "refs", "main"), "utf8").catch(() => "");
  const others = await readdir(snapshots).catch(() => []);
  const commits = [main.trim(), ...others.sort()].filter((commit) => /^[0-9a-f]{40}$/.test(commit));
  return commits.map((commit) => join(snapshots, commit, file)).find((path) => existsSync(path));
}

/** What a cached file must hash to by the name of its blob: 64 hex digits SHA-256, 40 git's SHA-1; undefined for a plain copy. */
export async function hashOfCached(path: string): Promise<string | undefined> {
  const name = basename(await realpath(path));
  return /^([0-9a-f]{64}|[0-9a-f]{40})$/.test(name) ? name : undefined;
}

/** Links a blob into a snapshot and points the revision at it; the file's path in the snapshot. */
export async function linkSnapshot(
  repository: string,
  place: { readonly blob: string; readonly commit: string; readonly revision: string; readonly file: string },
): Promise<string> {
  const folder = repositoryFolder(repository);
  const path = join(folder, "snapshots", place.commit, place.file);
  await makeFolder(dirname(path));
  await rm(path, { force: true });
  await symlink(relative(dirname(path), place.blob), path);
  if (place.revision !== place.commit) {
    const ref = join(folder, "refs", checkRelative(place.revision, "revision"));
    await makeFolder(dirname(ref));
    await writeFileAtomic(ref, place.commit);
  }
  return path;
}
