/**
 * @file Downloads from a Hugging Face hub into its usual cache: resumed where they stopped, hashed as they come, and under their final name only
 * when the hash is right.
 */
import { createHash, type Hash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { SegError } from "../errors.js";
import { makeFolder, syncFolder } from "../files.js";
import { acquireLock } from "../lock.js";
import { Interrupted, insist } from "../network.js";
import { checkRelative, linkSnapshot, repositoryFolder } from "./hub-cache.js";
import {
  describeHubFile,
  fetchHubFile,
  type HubFile,
  type HubMetadata,
  offline,
  unlessStalled,
  urlOf,
} from "./hub-request.js";

export interface HubDownload {
  readonly repository: string;
  /** Branch, tag or commit; default: main. */
  readonly revision?: string;
  readonly file: string;
  /** What the file must hash to, whatever the server says. */
  readonly sha256?: string;
  readonly bytes?: number;
  onProgress?(done: number, total: number): void;
}

/** Resolves to the file's path in the cache. Rejects with SegError; what was fetched is kept for the next call unless it is wrong. */
export async function downloadFromHub(request: HubDownload): Promise<string> {
  const { repository, file } = request;
  const revision = checkRelative(request.revision ?? "main", "revision");
  checkRelative(file, "file of a repository");
  const folder = repositoryFolder(repository);
  const wanted = { repository, revision, file };
  const stated = await insist(
    () => describeHubFile(wanted),
    (error) => offline(urlOf(wanted), error),
  );
  refuseOther(stated, request, urlOf(wanted));
  const blob = join(folder, "blobs", stated.hash);
  if (!(await holds(blob, stated, request.sha256)))
    await fetchBlob({ ...wanted, revision: stated.commit }, stated, request, blob);
  return linkSnapshot(repository, { blob, commit: stated.commit, revision, file });
}

/** Before a byte is fetched: what the server offers against what is known of the file. */
function refuseOther(stated: HubMetadata, { sha256, bytes }: HubDownload, url: string): void {
  const isOther =
    (sha256 !== undefined && stated.hash.length === 64 && stated.hash !== sha256) ||
    (bytes ?? stated.bytes) !== stated.bytes;
  if (isOther)
    throw new SegError(
      url,
      "is not the file known under this name (hash or size)",
      "report this; nothing was downloaded",
    );
}

/** Whether the blob is there and right; a wrong one is removed. */
async function holds(blob: string, stated: HubMetadata, sha256: string | undefined): Promise<boolean> {
  if (!existsSync(blob)) return false;
  const digest = new Digest(stated, sha256);
  await digest.addFile(blob);
  if (digest.isRight()) return true;
  await rm(blob);
  return false;
}

/** The part lies in a folder of its own with a lock, so that two processes never write one part. */
async function fetchBlob(wanted: HubFile, stated: HubMetadata, request: HubDownload, blob: string): Promise<void> {
  const folder = `${blob}.sam-seg.incomplete`;
  await makeFolder(folder);
  const release = await acquireLock(folder);
  const part = join(folder, "part");
  try {
    const handle = await open(part, "a+");
    await handle.close();
    await fetchPart(wanted, stated, request, part);
    await rename(part, blob);
    await syncFolder(join(blob, ".."));
    await rm(folder, { recursive: true, force: true });
  } finally {
    await release();
  }
}

/** Fetches until the part is whole, then checks it. */
async function fetchPart(wanted: HubFile, stated: HubMetadata, request: HubDownload, part: string): Promise<void> {
  const handle = await open(part, "r+");
  const download = new Part(handle, stated, request);
  try {
    await download.readExisting(part);
    await insist(
      () => download.go(wanted),
      (error) => offline(urlOf(wanted), error),
      { progress: () => download.done },
    );
    await handle.sync();
  } finally {
    await handle.close();
  }
  if (download.digest.isRight()) return;
  await rm(part, { force: true });
  throw new SegError(
    urlOf(wanted),
    "what arrived has the wrong hash and was removed",
    "run again; if it stays, report it",
  );
}

/** A file on its way. */
class Part {
  done = 0;
  digest: Digest;

  constructor(
    private readonly handle: FileHandle,
    private readonly stated: HubMetadata,
    private readonly request: HubDownload,
  ) {
    this.digest = new Digest(stated, request.sha256);
  }

  /** Takes up what an earlier call left. */
  async readExisting(path: string): Promise<void> {
    const { size } = await this.handle.stat();
    if (size > this.stated.bytes) return this.restart();
    await this.digest.addFile(path);
    this.done = size;
  }

  private async restart(): Promise<void> {
    await this.handle.truncate(0);
    this.done = 0;
    this.digest = new Digest(this.stated, this.request.sha256);
  }

  /** One connection, to the end of the file. */
  async go(wanted: HubFile): Promise<void> {
    if (this.done === this.stated.bytes) return;
    const response = await fetchHubFile(wanted, this.done);
    if (response.status === 416) {
      await this.restart();
      throw new Interrupted("the server has less of the file than is here");
    }
    if (response.status === 200 && this.done > 0) await this.restart();
    if (response.status === 206) this.checkRange(response, urlOf(wanted));
    const reader = response.body?.getReader() as ReadableStreamDefaultReader<Uint8Array> | undefined;
    try {
      for (;;) {
        const next = reader ? await unlessStalled(reader.read()) : { done: true as const };
        if (next.done) break;
        await this.add(next.value as Uint8Array, urlOf(wanted));
      }
    } finally {
      await reader?.cancel().catch(() => undefined);
    }
    if (this.done < this.stated.bytes) throw new Interrupted("the connection ended early");
  }

  private checkRange(response: Response, url: string): void {
    const [, start, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get("content-range") ?? "") ?? [];
    const fits = Number(start) === this.done && (total === "*" || Number(total) === this.stated.bytes);
    if (!fits) throw new SegError(url, "the server sends another part than was asked for", "try again later");
  }

  private async add(bytes: Uint8Array, url: string): Promise<void> {
    if (this.done + bytes.length > this.stated.bytes) {
      await this.restart();
      throw new SegError(url, "the server sends more bytes than it stated", "try again later");
    }
    for (let at = 0; at < bytes.length; ) at += await this.write(bytes, at);
    this.digest.add(bytes);
    this.done += bytes.length;
    this.request.onProgress?.(this.done, this.stated.bytes);
  }

  /** A full disk shows as a short count first. */
  private async write(bytes: Uint8Array, at: number): Promise<number> {
    try {
      const { bytesWritten } = await this.handle.write(bytes, at, bytes.length - at, this.done + at);
      if (bytesWritten > 0) return bytesWritten;
      throw Object.assign(new Error("no byte was written"), { code: "ENOSPC" });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const place = repositoryFolder(this.request.repository);
      throw new SegError(
        place,
        `cannot be written to (${code})`,
        "free some space or set HF_HOME, and run again to go on",
        2,
        { cause: error },
      );
    }
  }
}

/** Hashes as the bytes come: the server's hash, and the pinned one. */
class Digest {
  private readonly hashes: { readonly hash: Hash; readonly expected: string }[];

  constructor({ hash, bytes }: HubMetadata, sha256: string | undefined) {
    const git = () => createHash("sha1").update(`blob ${bytes}\0`); // git's name of a small file
    this.hashes = [{ hash: hash.length === 64 ? createHash("sha256") : git(), expected: hash }];
    if (sha256 !== undefined) this.hashes.push({ hash: createHash("sha256"), expected: sha256 });
  }

  add(bytes: Uint8Array): void {
    for (const { hash } of this.hashes) hash.update(bytes);
  }

  async addFile(path: string): Promise<void> {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) this.add(chunk as Uint8Array);
  }

  isRight(): boolean {
    return this.hashes.every(({ hash, expected }) => hash.digest("hex") === expected);
  }
}
