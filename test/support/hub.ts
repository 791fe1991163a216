/**
 * @file A hub on this machine: two servers (the hub and the store large files are redirected to) that speak the protocol of huggingface_hub, with
 * switches for what can go wrong.
 */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export const COMMIT = "0123456789abcdef0123456789abcdef01234567";

export interface TestHub {
  readonly endpoint: string;
  content: Buffer;
  /** A small file kept in git itself: served by the hub, named by git's hash. */
  isSmall: boolean;
  /** Closes each connection of the store after so many bytes. */
  cutAfter?: number;
  /** Answers 200 with the whole file, whatever range was asked for. */
  ignoresRanges: boolean;
  /** What is sent in place of the content. */
  sent?: Buffer;
  /** Path the hub moved the repository to. */
  movedTo?: string;
  status?: number;
  /** METHOD, host role, range and authorization of every request. */
  readonly seen: { method: string; role: "hub" | "store"; range?: string; authorization?: string }[];
  close(): Promise<void>;
}

/** Starts both servers. */
export async function startHub(content: Buffer): Promise<TestHub> {
  const [front, back] = [createServer(), createServer()];
  await Promise.all([listen(front), listen(back)]);
  const hub: TestHub = {
    endpoint: addressOf(front),
    content,
    isSmall: false,
    ignoresRanges: false,
    seen: [],
    close: async () => {
      for (const server of [front, back]) {
        server.closeAllConnections();
        await new Promise((done) => server.close(done));
      }
    },
  };
  front.on("request", (request: IncomingMessage, response: ServerResponse) =>
    answerHub(hub, addressOf(back), request, response),
  );
  back.on("request", (request: IncomingMessage, response: ServerResponse) => {
    note(hub, "store", request);
    sendFile(hub, request, response);
  });
  return hub;
}

const listen = (server: Server) => new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
const addressOf = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

function note(hub: TestHub, role: "hub" | "store", { method, headers }: IncomingMessage): void {
  hub.seen.push({ method: method ?? "", role, range: headers.range, authorization: headers.authorization });
}

function answerHub(hub: TestHub, store: string, request: IncomingMessage, response: ServerResponse): void {
  note(hub, "hub", request);
  if (hub.status) {
    response.writeHead(hub.status).end();
    return;
  }
  if (hub.movedTo && !request.url?.startsWith(hub.movedTo)) {
    response
      .writeHead(307, { location: `${hub.movedTo}${request.url?.slice(request.url.indexOf("/resolve/"))}` })
      .end();
    return;
  }
  response.setHeader("x-repo-commit", COMMIT);
  if (hub.isSmall) {
    response.setHeader(
      "etag",
      `"${createHash("sha1").update(`blob ${hub.content.length}\0`).update(hub.content).digest("hex")}"`,
    );
    sendFile(hub, request, response);
    return;
  }
  const headers = {
    "x-linked-etag": `"${createHash("sha256").update(hub.content).digest("hex")}"`,
    "x-linked-size": hub.content.length,
    etag: '"of the redirect"',
    location: `${store}/signed`,
  };
  response.writeHead(302, headers).end();
}

function sendFile(hub: TestHub, request: IncomingMessage, response: ServerResponse): void {
  const content = hub.sent ?? hub.content;
  const start = hub.ignoresRanges ? 0 : Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
  if (start >= content.length && start > 0) return void response.writeHead(416).end();
  const part = content.subarray(start);
  const isPart = request.headers.range !== undefined && !hub.ignoresRanges;
  const range = { "content-range": `bytes ${start}-${content.length - 1}/${content.length}` };
  response.writeHead(isPart ? 206 : 200, { "content-length": part.length, ...(isPart ? range : {}) });
  if (request.method === "HEAD") return void response.end();
  if (hub.cutAfter === undefined || hub.cutAfter >= part.length) return void response.end(part);
  response.write(part.subarray(0, hub.cutAfter), () => setTimeout(() => response.destroy(), 5));
}
