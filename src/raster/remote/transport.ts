/**
 * @file Requests for one remote file over node:http(s): redirects followed by hand, every host checked, time limits for connecting and for silence,
 * and a limit on the bytes fetched altogether.
 */
import { Agent, get as getHttp, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { get as getHttps, Agent as SecureAgent } from "node:https";
import { EXIT, SegError } from "../../errors.js";
import { Interrupted, MOST_REDIRECTS, networkReason, redirectTarget, shownUrl } from "../../network.js";
import { type AddressRules, addressRules, guardedLookup, refusePrivateHost } from "./addresses.js";

/** Requests of one source at a time. */
export const MOST_REQUESTS = 4;
const CONNECT_MS = 10_000;
const READ_MS = 30_000;
const MOST_BYTES = 2 ** 36;
/** Bytes a millisecond that an answer brings on average after `readMs`: a server that drips would hold us for ever. */
const SLOWEST = 1;

/** How remote files are reached. */
export interface TransportOptions {
  /** Reads from addresses of this machine and of private networks too; default false. */
  readonly allowPrivateHosts?: boolean;
  /** Bytes that may be fetched of one file altogether; default 64 GiB. */
  readonly mostFetchedBytes?: number;
  /** Where the limits and the names of this network are others than usual. */
  readonly network?: Network;
}

/** Time limits in milliseconds, and how names and addresses are judged. */
export interface Network extends Partial<AddressRules> {
  /** Until a connection stands; default 10 s. */
  readonly connectMs?: number;
  /** Without a byte, once connected, and for an answer that brings less than 1 kB a second; default 30 s. */
  readonly readMs?: number;
  /** Before a request is made again, doubled for each further try; default 200. */
  readonly firstPauseMs?: number;
}

/** What was asked of the network so far: requests sent (redirects and repeated ones too), bytes of content received. */
export interface Traffic {
  readonly requests: number;
  readonly bytes: number;
}

/** An answer that is no redirect; `body` is read to its end, or `discard` called. */
export interface Answer {
  readonly url: URL;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: AsyncIterable<Buffer>;
  discard(): void;
}

/** Sends requests; rejects with `Interrupted` where asking again may help, else with SegError. */
export interface Transport {
  /** An answer of at most `expected` bytes that are of use. */
  get(url: URL, headers: Readonly<Record<string, string>>, expected: number): Promise<Answer>;
  /** Throws SegError where `more` bytes would be more than may be fetched. */
  allow(more: number): void;
  traffic(): Traffic;
  close(): void;
}

interface State {
  readonly home: URL;
  readonly options: TransportOptions;
  readonly rules: AddressRules;
  readonly agents: { readonly "http:": Agent; readonly "https:": SecureAgent };
  requests: number;
  bytes: number;
  isClosed: boolean;
}

/** A transport for the file at `home`; user and password of the address are sent to its own origin only. */
export function createTransport(home: URL, options: TransportOptions): Transport {
  const rules = addressRules(options.allowPrivateHosts ?? false, options.network);
  const lookup = guardedLookup(shownUrl(home), rules);
  const settings = { keepAlive: true, maxSockets: MOST_REQUESTS, lookup };
  const agents = { "http:": new Agent(settings), "https:": new SecureAgent(settings) };
  const state: State = { home, options, rules, agents, requests: 0, bytes: 0, isClosed: false };
  return {
    get: (url, headers, expected) => follow(state, url, headers, expected),
    allow: (more) => allow(state, more),
    traffic: () => ({ requests: state.requests, bytes: state.bytes }),
    close: () => {
      state.isClosed = true;
      agents["http:"].destroy();
      agents["https:"].destroy();
    },
  };
}

async function follow(
  state: State,
  url: URL,
  headers: Readonly<Record<string, string>>,
  expected: number,
): Promise<Answer> {
  const subject = shownUrl(state.home);
  allow(state, expected);
  let at = url;
  if (state.isClosed) throw new Error(`internal: ${subject} was read after it was closed`);
  for (let i = 0; i <= MOST_REDIRECTS; i++) {
    refusePrivateHost(at, subject, state.rules);
    const answer = await send(state, at, headers);
    const { location } = answer.headers;
    try {
      const next = redirectTarget(answer.status, location, at, "check the address");
      if (!next) return answer;
      at = next;
    } catch (error) {
      answer.discard();
      throw error;
    }
    answer.discard();
  }
  throw new SegError(subject, `redirects more than ${MOST_REDIRECTS} times`, "check the address");
}

function allow({ home, bytes, options }: State, more: number): void {
  const most = options.mostFetchedBytes ?? MOST_BYTES;
  if (bytes + more <= most) return;
  const reason = `needs more than the ${most} bytes that may be fetched of one file`;
  throw new SegError(shownUrl(home), reason, "download the file first", EXIT.guard);
}

function send(state: State, url: URL, headers: Readonly<Record<string, string>>): Promise<Answer> {
  const { connectMs = CONNECT_MS, readMs = READ_MS } = state.options.network ?? {};
  const plain = new URL(url);
  plain.username = plain.password = "";
  const sent = { "accept-encoding": "identity", "user-agent": "sam-seg", ...headers, ...authorization(state, url) };
  const isSecure = url.protocol === "https:";
  state.requests++;
  return new Promise((resolve, reject) => {
    const options = { headers: sent, agent: isSecure ? state.agents["https:"] : state.agents["http:"] };
    const request = isSecure ? getHttps(plain, options) : getHttp(plain, options);
    const watch = createWatch((error) => request.destroy(error));
    watch.expect(connectMs, "no connection");
    request.on("socket", (socket) => {
      const connected = () => watch.expect(readMs, "no answer");
      if (socket.connecting) socket.once(isSecure ? "secureConnect" : "connect", connected);
      else connected();
    });
    request.on("response", (response) => resolve(answerOf(state, url, response, watch)));
    request.on("error", (error) => {
      watch.stop();
      reject(networkFault(state, url, error));
    });
  });
}

/** User and password of the address, for its own origin only. */
function authorization({ home }: State, url: URL): Record<string, string> {
  if (url.origin !== home.origin || (!home.username && !home.password)) return {};
  const pair = decodeURIComponent(`${home.username}:${home.password}`); // parseUrl has seen that this works
  return { authorization: `Basic ${Buffer.from(pair).toString("base64")}` };
}

function answerOf(state: State, url: URL, response: IncomingMessage, watch: Watch): Answer {
  watch.giveUp = (error) => response.destroy(error);
  response.on("error", () => watch.stop()); // whoever reads the body is told
  const discard = () => {
    watch.stop();
    response.destroy();
  };
  return {
    ...{ url, status: response.statusCode ?? 0, headers: response.headers, discard },
    body: bodyOf(state, url, response, watch),
  };
}

async function* bodyOf(state: State, url: URL, response: IncomingMessage, watch: Watch): AsyncGenerator<Buffer> {
  const { readMs = READ_MS } = state.options.network ?? {};
  const start = performance.now();
  let received = 0;
  try {
    for await (const chunk of response) {
      const bytes: Buffer = chunk; // a stream without an encoding gives buffers
      watch.refresh();
      received += bytes.length;
      if (performance.now() - start > readMs + received / SLOWEST) throw new Interrupted("the server is too slow");
      allow(state, bytes.length);
      state.bytes += bytes.length;
      yield bytes;
    }
  } catch (error) {
    throw networkFault(state, url, error);
  } finally {
    watch.stop();
  }
  if (!response.complete) throw new Interrupted("the connection ended early");
}

function networkFault({ home }: State, url: URL, error: unknown): Error {
  if (error instanceof SegError || error instanceof Interrupted) return error;
  const code = networkReason(error);
  if (code !== "ENOTFOUND")
    return new Interrupted(code === "ECONNRESET" ? "the connection broke" : code, { cause: error });
  return new SegError(shownUrl(home), `there is no host ${url.hostname}`, "check the address and the connection", 2, {
    cause: error,
  });
}

/** A time limit that is set anew as a request goes on. */
interface Watch {
  giveUp: (error: Interrupted) => void;
  expect(milliseconds: number, lack: string): void;
  refresh(): void;
  stop(): void;
}

function createWatch(giveUp: (error: Interrupted) => void): Watch {
  let timer: NodeJS.Timeout | undefined;
  const watch: Watch = {
    giveUp,
    expect(milliseconds, lack) {
      clearTimeout(timer);
      timer = setTimeout(() => watch.giveUp(new Interrupted(`${lack} in ${milliseconds / 1000} s`)), milliseconds);
    },
    refresh: () => void timer?.refresh(),
    stop: () => clearTimeout(timer),
  };
  return watch;
}
