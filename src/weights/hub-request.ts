/**
 * @file Requests to a Hugging Face hub (huggingface/huggingface_hub, src/huggingface_hub/file_download.py): what a file is, and its bytes from an
 * offset on. Redirects are followed by hand, so that the token never leaves the hub's own host.
 */
import { SegError } from "../errors.js";
import { Interrupted, MOST_REDIRECTS, networkReason, redirectTarget } from "../network.js";
import { hubToken } from "./hub-cache.js";

/** Milliseconds without a sign of life after which a connection counts as broken. */
const STALL = 30_000;
const OFFLINE =
  "check the connection (behind a proxy or offline: download the file by other means, then seg weights import FILE)";

export interface HubFile {
  readonly repository: string;
  readonly revision: string;
  readonly file: string;
}

export interface HubMetadata {
  /** Commit the revision stands for. */
  readonly commit: string;
  /** SHA-256 (64 hex digits) of a large file, git's blob SHA-1 (40) of a small one. */
  readonly hash: string;
  readonly bytes: number;
}

/** What the hub says of a file. Rejects with SegError where there is none, or no hash of it. */
export async function describeHubFile(wanted: HubFile): Promise<HubMetadata> {
  const given = { commit: "", hash: "", bytes: "" };
  await follow("HEAD", urlOf(wanted), {}, (response, leaves) => {
    const header = (name: string) => response.headers.get(name) ?? "";
    const isLast = leaves || response.status < 300;
    given.commit ||= header("x-repo-commit");
    given.hash = header("x-linked-etag") || (isLast ? given.hash || header("etag") : given.hash);
    given.bytes =
      header("x-linked-size") || (response.status < 300 ? given.bytes || header("content-length") : given.bytes);
    return leaves;
  });
  const hash = given.hash.replace(/^W\//, "").replace(/^"|"$/g, "");
  const isSound =
    /^[0-9a-f]{40}$/.test(given.commit) && /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(hash) && /^\d+$/.test(given.bytes);
  if (!isSound)
    throw new SegError(urlOf(wanted), "the server states no commit, hash or size of this file", "check HF_ENDPOINT");
  return { commit: given.commit, hash, bytes: Number(given.bytes) };
}

/** Bytes from `start` on: status 206, or 200 where the server starts over. The caller reads the body. */
export async function fetchHubFile(wanted: HubFile, start: number): Promise<Response> {
  return follow("GET", urlOf(wanted), start > 0 ? { range: `bytes=${start}-` } : {}, () => false);
}

/** A promise of the network, given up after STALL without an answer. */
export async function unlessStalled<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const stalled = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Interrupted(`no answer in ${STALL / 1000} s`)), STALL);
  });
  try {
    return await Promise.race([work, stalled]);
  } catch (error) {
    throw error instanceof Interrupted || error instanceof SegError
      ? error
      : new Interrupted(networkReason(error), { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

/** What went wrong in the network, for the user. */
export function offline(url: string, error: Interrupted): SegError {
  return new SegError(url, `cannot be reached (${error.message})`, OFFLINE, 2, { cause: error });
}

/** $HF_ENDPOINT, or the public hub. */
export function hubEndpoint(): string {
  const text = (process.env.HF_ENDPOINT || "https://huggingface.co").replace(/\/+$/, "");
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    throw new SegError(text, "is no address", "set HF_ENDPOINT to https://HOST");
  return text;
}

/** Address of a file in a revision. */
export function urlOf({ repository, revision, file }: HubFile): string {
  const path = file.split("/").map(encodeURIComponent).join("/");
  return `${hubEndpoint()}/${repository}/resolve/${encodeURIComponent(revision)}/${path}`;
}

type Look = (response: Response, leaves: boolean) => boolean;

/** Follows redirects; `look` sees every answer and whether it points to another host, and stops the walk by returning true. */
async function follow(
  method: "HEAD" | "GET",
  url: string,
  headers: Record<string, string>,
  look: Look,
): Promise<Response> {
  const home = new URL(hubEndpoint());
  const token = await hubToken();
  let at = new URL(url);
  for (let i = 0; i <= MOST_REDIRECTS; i++) {
    const own: Record<string, string> = at.origin === home.origin && token ? { authorization: `Bearer ${token}` } : {};
    const sent = { "accept-encoding": "identity", "user-agent": "sam-seg", ...headers, ...own };
    const response = await unlessStalled(fetch(at, { method, headers: sent, redirect: "manual" }));
    const next = redirectTarget(response.status, response.headers.get("location"), at, "check HF_ENDPOINT");
    if (!next) checkStatus(response, url, token !== undefined);
    if (look(response, next !== undefined && next.origin !== home.origin) || !next) return response;
    await response.body?.cancel();
    at = next;
  }
  throw new SegError(url, `redirects more than ${MOST_REDIRECTS} times`, "check HF_ENDPOINT");
}

function checkStatus({ status }: Response, url: string, hasToken: boolean): void {
  if (status === 200 || status === 206 || status === 416) return;
  if (status === 429 || status >= 500) throw new Interrupted(`the server answers ${status}`);
  if (status === 401 || status === 403) {
    const remedy = hasToken ? "accept the licence on the page of the repository" : "set HF_TOKEN";
    throw new SegError(url, `may not be read (${status})`, remedy);
  }
  if (status === 404)
    throw new SegError(url, "does not exist (404)", "check the repository, the revision and the name");
  throw new SegError(url, `the server answers ${status}`, "try again later");
}
