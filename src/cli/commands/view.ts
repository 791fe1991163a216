/** @file `seg view`: a class map in the browser, over its scene. */
import { spawn } from "node:child_process";
import { EXIT, SegError } from "../../errors.js";
import type { Talk } from "../../talk.js";
import { startView } from "../../view/index.js";
import { type Arguments, defineCommand, numberList, text, wholeNumber } from "../command.js";
import { bandsFlag, jsonFlag } from "../options.js";
import { print } from "../output.js";
import { withSignals } from "../signals.js";
import { terminalTalk } from "../talk.js";

export const command = defineCommand(
  {
    source: {
      type: "string",
      describe: "scene under the map (default: the file it was predicted from)",
      requiresArg: true,
    },
    bands: { ...bandsFlag, describe: "bands of the scene to show, 1-based: 4,3,2" },
    "allow-private-hosts": { type: "boolean", describe: "read a scene behind a URL of this machine or its network" },
    port: { type: "string", describe: "port to serve at (default: one that is free)", requiresArg: true },
    host: {
      type: "string",
      describe: "address to serve at; beyond this machine the URL holds a secret [default: 127.0.0.1]",
      requiresArg: true,
    },
    open: { type: "boolean", describe: "open it in the browser" },
    json: jsonFlag,
  },
  (args) => withSignals((signal) => runView(args, terminalTalk(signal), signal)),
  (y) =>
    y
      .positional("map", { describe: "class map written by seg predict (GeoTIFF)", type: "string" })
      .example("seg view map.tif --open", "pan, zoom, switch classes, read pixels")
      .example("seg view map.tif --source scene.tif --bands 4,3,2", "over a scene in false colours"),
);

async function runView(args: Arguments, talk: Talk, signal: AbortSignal): Promise<number> {
  const options = {
    source: text(args, "source"),
    bands: numberList(args, "bands")?.map((band) => band - 1),
    allowPrivateHosts: args["allow-private-hosts"] === true,
    host: text(args, "host"),
    port: portOf(args),
  };
  const view = await startView(String(args.map), options, talk);
  const stopped = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve());
  });
  print(args.json, { url: view.url }, () => console.log(view.url));
  talk.info("Ctrl-C ends it");
  if (args.open) openBrowser(view.url, talk);
  await stopped; // a view has no other end, so this one is no failure
  await view.close();
  return EXIT.ok;
}

function portOf(args: Arguments): number | undefined {
  const port = wholeNumber(args, "port", 0);
  if (port === undefined || port < 65536) return port;
  throw new SegError(`--port ${port}`, "is no port", "give a number up to 65535, or 0 for one that is free");
}

const OPENERS: Readonly<Record<string, readonly string[]>> = {
  darwin: ["open"],
  win32: ["cmd", "/c", "start", ""],
};

function openBrowser(url: string, talk: Talk): void {
  const [program, ...before] = OPENERS[process.platform] ?? ["xdg-open"];
  const child = spawn(program, [...before, url], { stdio: "ignore", detached: true });
  child.on("error", () => talk.warn(`no browser could be started; open ${url} yourself`));
  child.unref();
}
