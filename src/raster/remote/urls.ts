/** @file Which inputs are addresses: http and https are read, other schemes are refused by name before anything is opened. */
import { SegError } from "../../errors.js";
import { shownUrl } from "../../network.js";

/** Whether a path is an address that is read over http or https. */
export const isUrl = (path: string): boolean => /^https?:/i.test(path);

const WINDOWS_DRIVE = /^[a-z]:[\\/]/i;
const SCHEME = /^([a-z][a-z0-9+.-]*):(?:\/\/|[\\/])|^(file|data|ftp|blob|urn):/i;
const GDAL_PREFIX = /^\/vsi[a-z0-9_]+(?:[/?]|$)/i;

/** Throws SegError for addresses of schemes that are not read; plain paths pass. */
export function refuseOtherSchemes(path: string): void {
  if (GDAL_PREFIX.test(path)) {
    throw new SegError(shownUrl(path), "GDAL's /vsi names are not read", "give the plain path or the https:// address");
  }
  if (isUrl(path) || WINDOWS_DRIVE.test(path)) return;
  const [, named, bare] = SCHEME.exec(path) ?? [];
  const scheme = (named ?? bare)?.toLowerCase();
  if (scheme !== undefined) throw new SegError(shownUrl(path), `${scheme}: addresses are not read`, remedyOf(scheme));
}

function remedyOf(scheme: string): string {
  if (scheme === "file") return "give the plain path";
  if (/^(s3|gs|gcs|az|azure|abfss?|wasbs?)$/.test(scheme)) {
    return "give the file's https:// address (a signed one where it is private)";
  }
  return "download the file, or give its https:// address";
}

/** A parsed http(s) address; SegError where it is none. */
export function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url?.hostname) throw new SegError(shownUrl(text), "is not a valid address", "check its spelling");
  if (decoded(url.username) === undefined || decoded(url.password) === undefined)
    throw new SegError(shownUrl(url), "its user or password is not percent-encoded rightly", "write % as %25");
  return url;
}

/** The last part of an address' path as a name for files: decoded, without control characters and slashes; "scene" where nothing is left. */
export function fileNameOf(address: string): string {
  const path = URL.canParse(address) ? new URL(address).pathname : "";
  const last = path.slice(path.lastIndexOf("/") + 1);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed here
  const name = (decoded(last) ?? last).replace(/[\u0000-\u001f\u007f-\u009f/\\]+/g, "");
  return /^\.*$/.test(name) ? "scene" : name;
}

/** Percent-encoded text in plain; undefined where it is not encoded rightly. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}
