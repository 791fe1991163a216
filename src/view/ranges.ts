/**
 * @file Parts of an open file by HTTP: one byte range a request, strong entity tags, conditions.
 * Source: RFC 9110 sections 8.8.3 (ETag), 13.1 (If-None-Match, If-Range) and 14 (Range, Content-Range).
 */
import { createReadStream } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";

/** First and last byte, both included; "none" where the whole is to be sent; "unsatisfiable" where no byte is named. */
export type Range = { readonly first: number; readonly last: number } | "none" | "unsatisfiable";

/** The one range of a Range header; anything else than one sound range asks for the whole, as the RFC has it. */
export function parseRange(header: string | undefined, size: number): Range {
  const match = /^bytes=(\d{0,16})-(\d{0,16})$/.exec(header ?? "");
  if (!match || (match[1] === "" && match[2] === "")) return "none";
  if (match[1] === "") {
    const length = Math.min(Number(match[2]), size);
    return length === 0 ? "unsatisfiable" : { first: size - length, last: size - 1 };
  }
  const first = Number(match[1]);
  const last = match[2] === "" ? size - 1 : Math.min(Number(match[2]), size - 1);
  if (match[2] !== "" && Number(match[2]) < first) return "none"; // no range at all, so it is ignored
  return first >= size ? "unsatisfiable" : { first, last };
}

/** Answers a request with the file or the part asked for; `contentType` is sent as it is. */
export async function sendFile(
  file: FileHandle,
  request: IncomingMessage,
  response: ServerResponse,
  contentType: string,
): Promise<void> {
  const { size, mtimeMs, ino } = await file.stat();
  const etag = `"${ino.toString(36)}-${size.toString(36)}-${Math.round(mtimeMs * 1000).toString(36)}"`;
  const headers = { "Content-Type": contentType, "Accept-Ranges": "bytes", ETag: etag };
  const { "if-none-match": known, "if-range": condition } = request.headers;
  if (known?.split(",").some((tag) => tag.trim() === etag || tag.trim() === "*")) {
    response.writeHead(304, headers).end();
    return;
  }
  const isCurrent = condition === undefined || condition === etag;
  const range = request.method === "GET" && isCurrent ? parseRange(request.headers.range, size) : "none";
  if (range === "unsatisfiable") {
    response.writeHead(416, { ...headers, "Content-Range": `bytes */${size}` }).end();
    return;
  }
  const { first, last } = range === "none" ? { first: 0, last: size - 1 } : range;
  const part = range === "none" ? {} : { "Content-Range": `bytes ${first}-${last}/${size}` };
  response.writeHead(range === "none" ? 200 : 206, { ...headers, ...part, "Content-Length": last - first + 1 });
  if (request.method === "HEAD" || size === 0) response.end();
  else await pipeline(createReadStream("", { fd: file.fd, start: first, end: last, autoClose: false }), response);
}
