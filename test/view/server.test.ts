/** @file The viewer's server keeps to itself: paths, methods, hosts, origins, ranges, addresses. Requests are written byte by byte. */
import assert from "node:assert/strict";
import { readFile, symlink, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { silent } from "../../src/talk.js";
import { startView, type View } from "../../src/view/index.js";
import { parseRange } from "../../src/view/ranges.js";
import { isLoopback } from "../../src/view/server.js";
import { withFolder } from "../support/folder.js";
import { classAt, HEIGHT, WIDTH, writeClassMap } from "./maps.js";

const SECRET = "this stands in a file that is not served";

interface Answer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/** Sends bytes as they are and reads until the server closes. */
function send(port: number, text: string, host = "127.0.0.1"): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, host, () => socket.write(Buffer.from(text, "latin1")));
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("error", reject);
    socket.on("close", () => resolve(parse(Buffer.concat(chunks))));
  });
}

function parse(bytes: Buffer): Answer {
  const end = bytes.indexOf("\r\n\r\n");
  const [first = "", ...lines] = bytes.toString("latin1", 0, Math.max(end, 0)).split("\r\n");
  const headers = lines.map((line) => [
    line.slice(0, line.indexOf(":")).toLowerCase(),
    line.slice(line.indexOf(":") + 2),
  ]);
  return {
    status: Number(first.split(" ")[1]),
    headers: new Map(headers.map(([name, value]) => [name, value])),
    body: bytes.subarray(end + 4),
  };
}

const portOf = ({ url }: View) => Number(new URL(url).port);

/** A request with the Host header a browser would send, and more lines. */
const ask = (view: View, path: string, lines: readonly string[] = [], method = "GET") =>
  send(
    portOf(view),
    [`${method} ${path} HTTP/1.1`, `Host: 127.0.0.1:${portOf(view)}`, "Connection: close", ...lines, "", ""].join(
      "\r\n",
    ),
  );

async function withView<T>(use: (view: View, folder: string, bytes: Buffer) => Promise<T>, host?: string): Promise<T> {
  return withFolder(async (folder) => {
    const path = join(folder, "map.tif");
    await writeClassMap(path, WIDTH, HEIGHT, classAt);
    await writeFile(join(folder, "secret.txt"), SECRET);
    await symlink(join(folder, "secret.txt"), join(folder, "app.css"));
    const view = await startView(path, host === undefined ? {} : { host }, silent);
    try {
      return await use(view, folder, await readFile(path));
    } finally {
      await view.close();
    }
  });
}

/** Ways to say "up" and to part names, as servers were fooled by them. */
const UP = [
  ..."..|%2e%2e|%2E.|.%2e|..%00|%252e%252e|..;|....|%c0%ae%c0%ae|%u002e%u002e|..\\".split("|"),
  "\u00ae\u00ae",
];
const BETWEEN = "/|\\|%2f|%5c|//|/./|%252f|;/".split("|");
const TARGETS = ["secret.txt", "package.json", "etc/passwd"];

/** Names that must not be read as others. */
const ODD = String.raw`
  /secret.txt /app.css /map.tif/../secret.txt /map.tif%00.txt /map.tif#x /map.tif?../secret.txt /map.tif;x //map.tif /./map.tif /%6dap.tif
  /MAP.TIF /map.tif/ \\server\share\secret.txt //server/share/secret.txt /C:/Windows/win.ini /CON /source/../secret.txt /source/0/0/0.png
  /source/0/0/..png /source/00/0/0.png /source/-1/0/0.png /source/0/1e3/0.png /source/0/0/0.png%00 /source/0/999999999/0.png /__proto__
  /constructor /toString /page/app.ts /app.ts /node_modules/geotiff/package.json * /map.prob.tif http://127.0.0.1/map.tif /map.tif.aux.xml
  /map.tif.summary.json`;

function hostilePaths(folder: string): string[] {
  const walk = (dots: string, mark: string, name: string) => `/${dots}${mark}${dots}${mark}${name}`;
  const walks = UP.flatMap((dots) => BETWEEN.flatMap((mark) => TARGETS.map((name) => walk(dots, mark, name))));
  const secret = `${folder}/secret.txt`;
  const absolute = [`/${secret}`, `//${secret}`, `/${encodeURIComponent(secret)}`, `file://${secret}`];
  return [...walks, ...absolute, ...ODD.trim().split(/\s+/), `/${"a".repeat(8000)}`];
}

test("300 hostile paths: none is answered with a file", () =>
  withView(async (view, folder) => {
    const paths = hostilePaths(folder);
    assert.ok(new Set(paths).size >= 300, `${paths.length} paths`);
    const answers = await Promise.all(paths.map((path) => ask(view, path)));
    for (const [i, { status, body }] of answers.entries()) {
      assert.ok(status === 404 || status === 400, `${status} for ${paths[i]}`);
      assert.ok(!body.includes(SECRET) && body.length < 200, paths[i]);
    }
    assert.equal((await ask(view, "/map.tif")).status, 200);
  }));

test("foreign hosts and origins get 403, other methods 405, bodies 413, long headers 431; own ones are served", () =>
  withView(async (view) => {
    const port = portOf(view);
    const host = (name: string) => send(port, `GET /meta.json HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n\r\n`);
    const foreign = [
      "example.org",
      `example.org:${port}`,
      "127.0.0.1",
      `127.0.0.1:${port + 1}`,
      `127.0.0.1.example.org:${port}`,
      `localhost.:${port}`,
      "",
    ];
    for (const name of foreign) assert.equal((await host(name)).status, 403, name);
    for (const name of [`127.0.0.1:${port}`, `localhost:${port}`, `LOCALHOST:${port}`, `[::1]:${port}`])
      assert.equal((await host(name)).status, 200, name);
    const origins = [
      "http://example.org",
      "null",
      `https://127.0.0.1:${port}`,
      `http://127.0.0.1:${port + 1}`,
      `http://127.0.0.1:${port}.example.org`,
    ];
    for (const origin of origins)
      assert.equal((await ask(view, "/meta.json", [`Origin: ${origin}`])).status, 403, origin);
    assert.equal((await ask(view, "/meta.json", [`Origin: http://127.0.0.1:${port}`])).status, 200);
    const image = ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"];
    const frame = ["Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"];
    const link = ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"];
    const statuses = await Promise.all([image, frame, link].map(async (lines) => (await ask(view, "/", lines)).status));
    assert.deepEqual(statuses, [403, 403, 200]);
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
      assert.equal((await ask(view, "/", [], method)).status, 405, method);
    assert.equal((await ask(view, "/", ["Content-Length: 5"])).status, 413);
    assert.equal((await ask(view, "/", ["Transfer-Encoding: chunked"])).status, 413);
    assert.equal((await ask(view, "/", [`X-Long: ${"a".repeat(20000)}`])).status, 431);
  }));

test("the page may load nothing but its own files", () =>
  withView(async (view) => {
    const { headers, body } = await ask(view, "/");
    const policy = headers.get("content-security-policy") ?? "";
    assert.match(
      policy,
      /default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; /,
    );
    assert.doesNotMatch(policy, /unsafe|data:|\*/);
    const wanted = {
      "x-content-type-options": "nosniff",
      "cross-origin-resource-policy": "same-origin",
      "referrer-policy": "no-referrer",
    };
    for (const [name, value] of Object.entries(wanted)) assert.equal(headers.get(name), value);
    const named = [...body.toString().matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path);
    assert.ok(named.length >= 4);
    for (const path of named) assert.equal((await ask(view, `/${path}`)).status, 200, path);
  }));

/** [Range header, first and last byte of the answer]; undefined: the whole file; null: 416. Sizes stand for the file's. */
const RANGES: readonly (readonly [string, readonly [number, number] | undefined | null])[] = [
  ["bytes=0-0", [0, 0]],
  ["bytes=0-99", [0, 99]],
  ["bytes=10-", [10, -1]],
  ["bytes=-7", [-7, -1]],
  ["bytes=-999999999", [0, -1]],
  ["bytes=5-999999999", [5, -1]],
  ["bytes=999999999-", null],
  ["bytes=-0", null],
  ["bytes=9-5", undefined],
  ["bytes=-", undefined],
  ["bytes=0-1,5-6", undefined],
  ["lines=0-1", undefined],
  ["bytes=a-b", undefined],
  ["bytes=0x1-2", undefined],
];

test("ranges: one part as 206, the whole where the header is none, 416 beyond the end; conditions by tag", () =>
  withView(async (view, folder, bytes) => {
    for (const [header, wanted] of RANGES) {
      const { status, headers, body } = await ask(view, "/map.tif", [`Range: ${header}`]);
      assert.equal(status, wanted === null ? 416 : wanted ? 206 : 200, header);
      if (wanted === null) {
        assert.equal(headers.get("content-range"), `bytes */${bytes.length}`);
        continue;
      }
      const [first, last] = (wanted ?? [0, -1]).map((at) => (at < 0 ? bytes.length + at : at));
      assert.deepEqual(body, bytes.subarray(first, last + 1), header);
      if (wanted) assert.equal(headers.get("content-range"), `bytes ${first}-${last}/${bytes.length}`);
    }
    const whole = await ask(view, "/map.tif", [], "HEAD");
    assert.deepEqual(
      [whole.status, whole.headers.get("content-length"), whole.body.length],
      [200, String(bytes.length), 0],
    );
    const tag = whole.headers.get("etag") ?? "";
    assert.match(tag, /^"[^"]+"$/);
    const statusOf = async (...lines: string[]) => (await ask(view, "/map.tif", lines)).status;
    assert.equal(await statusOf("Range: bytes=0-9", `If-Range: ${tag}`), 206);
    assert.equal(await statusOf("Range: bytes=0-9", 'If-Range: "other"'), 200);
    assert.equal(await statusOf(`If-None-Match: "other", ${tag}`), 304);
    assert.equal(parseRange("bytes=0-", 0), "unsatisfiable"); // an empty file has no byte
    const taken = startView(join(folder, "map.tif"), { port: portOf(view) }, silent);
    await assert.rejects(taken, /the port is in use; choose another with --port/);
  }));

test("a file written anew has another tag", () =>
  withView(async (view, folder, bytes) => {
    const tagOf = async () => (await ask(view, "/map.tif", [], "HEAD")).headers.get("etag");
    const before = await tagOf();
    await writeFile(join(folder, "map.tif"), Buffer.concat([bytes, Buffer.alloc(1)]));
    assert.notEqual(await tagOf(), before);
  }));

const refused = (port: number, host: string) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, host);
    socket.setTimeout(2000, () => socket.destroy(new Error("no answer")));
    socket.on("connect", () => resolve(false));
    socket.on("connect", () => socket.destroy());
    socket.on("error", () => resolve(true));
  });

test("only the loopback address is listened on", () =>
  withView(async (view) => {
    assert.equal(new URL(view.url).hostname, "127.0.0.1");
    assert.equal(await refused(portOf(view), "127.0.0.1"), false);
    const others = Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address));
    for (const address of ["127.0.0.2", ...others.filter((one) => one !== "127.0.0.1" && !one.startsWith("fe80"))])
      assert.ok(await refused(portOf(view), address), address);
  }));

test("beyond the loopback: a warning, and nothing without the secret of the URL", () =>
  withFolder(async (folder) => {
    const path = join(folder, "map.tif");
    await writeClassMap(path, 64, 64, classAt);
    const warnings: string[] = [];
    const open = () => startView(path, { host: "0.0.0.0" }, { ...silent, warn: (line) => void warnings.push(line) });
    const [view, other] = [await open(), await open()];
    try {
      const secret = new URL(view.url).pathname;
      assert.match(secret, /^\/[0-9a-f]{32}\/$/);
      assert.notEqual(secret, new URL(other.url).pathname);
      assert.match(warnings[0], /can be reached from other machines/);
      const paths = ["/", "/map.tif", "/meta.json", `/${"0".repeat(32)}/map.tif`, secret.slice(0, -1)];
      for (const one of paths) assert.equal((await ask(view, one)).status, 404, one);
      for (const one of ["", "map.tif", "meta.json", "app.js"])
        assert.equal((await ask(view, secret + one)).status, 200, one);
    } finally {
      await Promise.all([view.close(), other.close()]);
    }
    assert.deepEqual(["localhost", "127.0.0.1", "127.1.2.3", "::1"].map(isLoopback), [true, true, true, true]);
    assert.deepEqual(["0.0.0.0", "::", "192.168.1.5", "127.example.org"].map(isLoopback), [false, false, false, false]);
  }));

test("hundreds of clients that never finish their request keep nobody from an answer", () =>
  withView(async (view) => {
    const slow = Array.from({ length: 300 }, () => {
      const socket = connect(portOf(view), "127.0.0.1", () => socket.write("GET /map.tif HTTP/1.1\r\nHost: "));
      return socket.on("error", () => socket.destroy());
    });
    try {
      assert.equal((await ask(view, "/meta.json")).status, 200);
    } finally {
      for (const socket of slow) socket.destroy();
    }
  }));
