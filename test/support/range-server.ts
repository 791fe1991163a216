/** @file A file server on this machine that answers byte ranges (RFC 9110), notes what is asked of it, and can be told to misbehave. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface RangeServer {
  readonly port: number;
  /** Address of the content. */
  readonly url: string;
  content: Buffer;
  etag?: string;
  modified?: string;
  /** Whether ranges are answered with 206; else with the whole content. */
  knowsRanges: boolean;
  /** Milliseconds before an answer. */
  delay: number;
  /** Answers in place of the server where it returns true; `number` counts requests from 1. */
  trick?: (request: IncomingMessage, response: ServerResponse, number: number) => boolean;
  readonly seen: { readonly path: string; readonly headers: IncomingMessage["headers"] }[];
  /** Bytes of content sent. */
  sent: number;
  /** Connections made, whether or not something was asked over them. */
  connections: number;
  /** Most requests that were open together. */
  together: number;
  close(): Promise<void>;
}

/** Starts a server for `content` on 127.0.0.1. */
async function startRangeServer(content: Buffer): Promise<RangeServer> {
  const http = createServer((request, response) => void answer(server, request, response));
  await new Promise<void>((done) => http.listen(0, "127.0.0.1", done));
  const { port } = http.address() as AddressInfo; // a server on a TCP port has no other kind of address
  const server: RangeServer = {
    ...{ port, url: `http://127.0.0.1:${port}/scene.tif`, content, etag: '"first"' },
    ...{ knowsRanges: true, delay: 0, seen: [], sent: 0, connections: 0, together: 0 },
    close: async () => {
      http.closeAllConnections();
      await new Promise((done) => http.close(done));
    },
  };
  http.on("connection", () => server.connections++);
  let open = 0;
  http.on("request", (_, response) => {
    server.together = Math.max(server.together, ++open);
    response.on("close", () => open--);
  });
  return server;
}

/** Runs `use` with a server for `content`. */
export async function withRangeServer(content: Buffer, use: (server: RangeServer) => Promise<void>): Promise<void> {
  const server = await startRangeServer(content);
  try {
    await use(server);
  } finally {
    await server.close();
  }
}

async function answer(server: RangeServer, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const number = server.seen.push({ path: request.url ?? "", headers: request.headers });
  if (server.delay) await new Promise((done) => setTimeout(done, server.delay));
  if (server.trick?.(request, response, number)) return;
  sendContent(server, request, response);
}

/** The answer of an honest server; `part` may change the bytes that are sent. */
export function sendContent(
  server: RangeServer,
  request: IncomingMessage,
  response: ServerResponse,
  part: (bytes: Buffer) => Buffer = (bytes) => bytes,
): void {
  const { content, etag, modified } = server;
  const headers = { ...(etag && { etag }), ...(modified && { "last-modified": modified }) };
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
  const condition = request.headers["if-range"];
  const isPart = server.knowsRanges && from !== undefined && (!condition || condition === (etag ?? modified));
  const [first, last] = isPart ? [Number(from), Math.min(Number(to), content.length - 1)] : [0, content.length - 1];
  const bytes = content.subarray(first, last + 1);
  const range = isPart ? { "content-range": `bytes ${first}-${last}/${content.length}` } : {};
  response.writeHead(isPart ? 206 : 200, { ...headers, ...range, "content-length": bytes.length });
  const sent = part(bytes);
  server.sent += sent.length;
  if (sent.length === bytes.length) response.end(sent);
  else response.write(sent, () => setTimeout(() => response.destroy(), 5));
}
