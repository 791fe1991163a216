/**
 * @file The viewer's HTTP server: this machine only unless asked otherwise, GET and HEAD only, no request of a foreign page, and a fixed set of
 * paths, so that nothing of a request ever names a file. Beyond the loopback every path begins with a random token.
 */
import { randomBytes, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { isIP } from "node:net";
import { networkInterfaces } from "node:os";
import { SegError } from "../errors.js";

/** Answers one request; a rejection becomes a 500 where nothing was sent yet. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/** The handler of a path as it was sent, "/" first; undefined for every path that is not served. */
export type Routes = (path: string) => Handler | undefined;

export interface ServerOptions {
  readonly host: string;
  /** 0: one that is free. */
  readonly port: number;
  /** Value of the Content-Security-Policy header. */
  readonly policy: string;
  /** Hears of faults while answering. */
  readonly onFault: (error: unknown) => void;
}

/** A server that listens. */
export interface Listening {
  readonly url: string;
  readonly isLocal: boolean;
  close(): Promise<void>;
}

const LOCAL = ["127.0.0.1", "localhost", "::1"];
/** Milliseconds a client may take to send its headers, or the whole request. */
const PATIENCE = 10_000;

/** Whether a host is this machine's loopback. */
export const isLoopback = (host: string): boolean => LOCAL.includes(host) || /^127(\.\d{1,3}){3}$/.test(host);

/** Starts listening; SegError where the address or port cannot be had. */
export async function startServer(routes: Routes, options: ServerOptions): Promise<Listening> {
  const isLocal = isLoopback(options.host);
  const prefix = isLocal ? "" : `/${randomBytes(16).toString("hex")}`;
  const timeouts = { headersTimeout: PATIENCE, requestTimeout: PATIENCE, connectionsCheckingInterval: 1000 };
  const server = createServer(timeouts);
  const port = await listen(server, options);
  const names = namesOf(options.host, port);
  server.on("request", (request, response) => {
    answer(request, response, { routes, prefix, names, policy: options.policy }).catch((error) => {
      if (!response.destroyed) options.onFault(error); // who has gone away needs no answer
      if (response.headersSent) response.destroy();
      else refuse(response, 500, "something went wrong; see the terminal");
    });
  });
  return { url: `http://${bracket(options.host)}:${port}${prefix}/`, isLocal, close: () => closeServer(server) };
}

interface Rules {
  readonly routes: Routes;
  readonly prefix: string;
  /** Values of the Host header that mean this server. */
  readonly names: ReadonlySet<string>;
  readonly policy: string;
}

async function answer(request: IncomingMessage, response: ServerResponse, rules: Rules): Promise<void> {
  setCommonHeaders(response, rules.policy);
  const { method, url = "", headers } = request;
  if (!rules.names.has((headers.host ?? "").toLowerCase()) || isForeign(request, rules.names)) {
    return refuse(response, 403, "this address is served to its own pages only");
  }
  if (method !== "GET" && method !== "HEAD") {
    response.setHeader("Allow", "GET, HEAD");
    return refuse(response, 405, "only GET and HEAD are answered");
  }
  if (Number(headers["content-length"] ?? 0) > 0 || headers["transfer-encoding"] !== undefined) {
    return refuse(response, 413, "requests have no body here");
  }
  const handler = isUnder(url, rules.prefix) ? rules.routes(url.slice(rules.prefix.length)) : undefined;
  if (!handler) return refuse(response, 404, "there is nothing here");
  await handler(request, response);
}

/** Whether a path begins with the prefix; how long the answer takes tells nothing of the prefix. */
function isUnder(path: string, prefix: string): boolean {
  const [given, wanted] = [path.slice(0, prefix.length + 1), `${prefix}/`].map((text) => Buffer.from(text));
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

/** A page of another site asks: browsers say so by Origin, and for images and the like by Sec-Fetch-Site. */
function isForeign({ headers }: IncomingMessage, names: ReadonlySet<string>): boolean {
  const { origin } = headers;
  if (origin !== undefined && !(origin.startsWith("http://") && names.has(origin.slice(7).toLowerCase()))) return true;
  const site = headers["sec-fetch-site"];
  if (site === undefined || site === "same-origin" || site === "none") return false;
  return headers["sec-fetch-mode"] !== "navigate" || headers["sec-fetch-dest"] !== "document"; // a link followed is no theft
}

function setCommonHeaders(response: ServerResponse, policy: string): void {
  response.setHeader("Content-Security-Policy", policy);
  response.setHeader("X-Content-Type-Options", "nosniff");
  response.setHeader("Cross-Origin-Resource-Policy", "same-origin");
  response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
  response.setHeader("Referrer-Policy", "no-referrer");
  response.setHeader("Cache-Control", "no-store"); // the next map on this port is another one
}

function refuse(response: ServerResponse, status: number, why: string): void {
  response.setHeader("Connection", "close"); // a body that was announced is not read
  response.writeHead(status, { "Content-Type": "text/plain; charset=utf-8" }).end(`${why}\n`);
}

const bracket = (host: string) => (isIP(host) === 6 ? `[${host}]` : host);

/** Host headers that mean this server: with the port, and for addresses that stand for all of them, every own one. */
function namesOf(host: string, port: number): Set<string> {
  const isAny = host === "0.0.0.0" || host === "::";
  const own = isAny
    ? Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address))
    : [];
  const hosts = [host, ...LOCAL, ...own].map((name) => bracket(name.toLowerCase()));
  return new Set(hosts.flatMap((name) => (port === 80 ? [name, `${name}:80`] : [`${name}:${port}`])));
}

const TAKEN: Readonly<Record<string, string>> = {
  EADDRINUSE: "the port is in use",
  EACCES: "the port may not be used",
  EADDRNOTAVAIL: "the address is not one of this machine",
  ENOTFOUND: "the address is not known",
};

function listen(server: Server, { host, port }: ServerOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const reason = TAKEN[cause.code ?? ""] ?? `cannot be listened on (${cause.code})`;
      reject(new SegError(`${host}:${port}`, reason, "choose another with --port or --host", undefined, { cause }));
    });
    server.listen(port, host, () => {
      const address = server.address();
      if (address === null || typeof address === "string") reject(new Error("internal: no port was opened"));
      else resolve(address.port);
    });
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
