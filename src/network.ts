/**
 * @file What every request over http(s) shares: addresses that can be shown, redirects, and asking again after a connection broke.
 * Source: RFC 9110 (HTTP semantics) section 15.4.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { SegError } from "./errors.js";

/** Redirects followed for one request. */
export const MOST_REDIRECTS = 5;

/** A connection that broke; asking again may help, after `pause` milliseconds where the server named a time. */
export class Interrupted extends Error {
  constructor(
    message: string,
    options?: ErrorOptions,
    readonly pause?: number,
  ) {
    super(message, options);
  }
}

/** How often and how fast `insist` asks again. */
export interface Patience {
  /** Tries in a row that bring nothing new; default 4. */
  readonly tries?: number;
  /** Milliseconds before the second try, doubled for each further one; default 200. */
  readonly firstPause?: number;
  /** What has arrived so far: a try that brought more counts as the first one. */
  readonly progress?: () => number;
}

/** Runs `work` again after each `Interrupted`; rejects with `giveUp`'s error after the last try. */
export async function insist<T>(
  work: () => Promise<T>,
  giveUp: (error: Interrupted) => SegError,
  { tries = 4, firstPause = 200, progress = () => 0 }: Patience = {},
): Promise<T> {
  let last = progress();
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
      if (progress() > last) attempt = 1;
      if (attempt >= tries) throw giveUp(error);
      last = progress();
      await sleep(Math.max(error.pause ?? 0, firstPause * 2 ** (attempt - 1)));
    }
  }
}

/** Where an answer sends the request on; undefined for any other answer. SegError for a target that is no http(s) address or leaves https. */
export function redirectTarget(
  status: number,
  location: string | null | undefined,
  from: URL,
  remedy: string,
): URL | undefined {
  if (![301, 302, 303, 307, 308].includes(status) || !location) return undefined;
  const next = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  const isSafe = next?.protocol === "https:" || (next?.protocol === "http:" && from.protocol === "http:");
  if (!isSafe) throw new SegError(shownUrl(from), "redirects to an address that is not https", remedy);
  return next;
}

/** An address as it may be printed: without user, password, query and fragment, which hold secrets. */
export function shownUrl(url: string | URL): string {
  const text = String(url);
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  if (parsed?.host) return `${parsed.protocol}//${parsed.host}${parsed.pathname}`;
  return text.replace(/[?#].*$/s, "").replace(/^(.*?:[\\/]*).*@/s, "$1");
}

/** What went wrong in the network, in a few words for the user. */
export function networkReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? error.cause : error;
  return "code" in cause ? String(cause.code) : cause.message;
}
