/**
 * @file What the answers of a server say: which version of the file they are of, which part of it, and what stands in the way.
 * Source: RFC 9110 (HTTP semantics) sections 8.8 (validators), 13.1.5 (If-Range), 14.4 (Content-Range), 10.2.3 (Retry-After).
 */
import type { IncomingHttpHeaders } from "node:http";
import { EXIT, SegError } from "../../errors.js";
import { Interrupted } from "../../network.js";

const LONGEST_PAUSE_MS = 10_000;

/** What tells one version of a file from another; sizes in bytes. */
export interface Version {
  readonly size: number;
  readonly etag: string | undefined;
  readonly modified: string | undefined;
}

/** The version an answer is of. */
export const versionOf = (size: number, headers: IncomingHttpHeaders): Version => ({
  size,
  etag: headers.etag,
  modified: headers["last-modified"],
});

/** A version in words, equal only for equal versions as far as the server tells them apart. */
export function identityOf({ size, etag, modified }: Version): string {
  const mark = etag ? `etag ${etag}, ` : modified ? `modified ${modified}, ` : "";
  return `${mark}${size} bytes`;
}

/** Asks for a part only while the file is this version; a weak ETag may not be used so and is compared in the answer alone. */
export function conditionOf({ etag, modified }: Version): Record<string, string> {
  const mark = etag ? (etag.startsWith("W/") ? undefined : etag) : modified;
  return mark ? { "if-range": mark } : {};
}

/** Bytes `from` to `to` (inclusive) of a file of `size`, which is undefined where the server does not say. */
export function partOf(headers: IncomingHttpHeaders): { from: number; to: number; size?: number } | undefined {
  const [, from, to, size] = /^bytes (\d+)-(\d+)\/(\d+|\*)$/i.exec(headers["content-range"]?.trim() ?? "") ?? [];
  if (from === undefined) return undefined;
  return { from: Number(from), to: Number(to), ...(size !== "*" && { size: Number(size) }) };
}

/** Throws for every status but 200 and 206: `Interrupted` where asking again may help, else SegError. */
export function checkStatus(status: number, headers: IncomingHttpHeaders, subject: string): void {
  if (status === 200 || status === 206) return;
  const answer = `the server answers ${status}`;
  if (status === 429 || status >= 500) throw new Interrupted(answer, undefined, pauseOf(headers));
  if (status === 401 || status === 403) {
    throw new SegError(
      subject,
      `may not be read (${status})`,
      "give an address that is signed or holds USER:PASSWORD@",
    );
  }
  if (status === 404 || status === 410) throw new SegError(subject, `does not exist (${status})`, "check the address");
  throw new SegError(subject, answer, "check the address");
}

/** Retry-After in seconds, up to ten; a date is not worth waiting for. */
function pauseOf(headers: IncomingHttpHeaders): number | undefined {
  const seconds = Number(headers["retry-after"]);
  return seconds > 0 ? Math.min(seconds * 1000, LONGEST_PAUSE_MS) : undefined;
}

/** Throws where the content is packed for the way: its bytes are not the file's. */
export function refuseEncoded(headers: IncomingHttpHeaders, subject: string): void {
  const encoding = headers["content-encoding"] ?? "identity";
  if (encoding === "identity") return;
  throw new SegError(subject, `the server packs it (${encoding}) though asked not to`, "download the file first");
}

/** The error of a file that is not what it was when it was opened. */
export const changed = (subject: string) =>
  new SegError(subject, "changed on the server while it was read", "run again once it is at rest", EXIT.usage);

/** The error of a server that cannot be reached. */
export const unreachable = (subject: string, error: Interrupted) =>
  new SegError(subject, `cannot be read (${error.message})`, "check the address and the connection", EXIT.usage, {
    cause: error,
  });
