/**
 * @file Which addresses a scene may be read from: hostile ones are refused before a connection is made, redirects and names that lead to them too.
 */
import assert from "node:assert/strict";
import type { LookupAddress } from "node:dns";
import { test } from "node:test";
import { openSource, type SourceOptions } from "../../src/raster/geotiff/source.js";
import { fileNameOf, isUrl, openGeoTiff } from "../../src/raster/index.js";
import { addressRules, guardedLookup, isPrivateAddress } from "../../src/raster/remote/addresses.js";
import { type RangeServer, withRangeServer } from "../support/range-server.js";

const CONTENT = Buffer.alloc(1000, 7);
const withServer = (use: (server: RangeServer) => Promise<void>) => withRangeServer(CONTENT, use);

/** Stands for a public server: this machine's first address, and no other, may be read from. */
const asPublic = (resolve: (host: string) => Promise<LookupAddress[]> = () => hostAt("127.0.0.1")): SourceOptions => ({
  network: { isPrivate: (address) => address !== "127.0.0.1" && isPrivateAddress(address), resolve, firstPauseMs: 1 },
});
const hostAt = async (...addresses: string[]) =>
  addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));

/** Hosts of this machine, of private networks and of metadata services, in the ways they can be written. */
const PRIVATE_HOSTS = [
  ...[
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
  ],
  ...["127.255.255.254", "0", "0.0.0.0", "localhost", "LOCALHOST", "localhost.", "x.localhost", "%6c%6f%63alhost"],
  ...["１２７.０.０.１", "127。0。0。1", "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.1.1"],
  ...["169.254.169.254", "0xa9fea9fe", "2852039166", "100.64.0.1", "100.127.255.255", "192.0.0.192", "198.18.0.1"],
  ...["224.0.0.1", "255.255.255.255", "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"],
  ...["[::ffff:10.0.0.1]", "[::127.0.0.1]", "[::ffff:0:127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b::a9fe:a9fe]"],
  ...[
    "[64:ff9b:1::1]",
    "[2002:7f00:1::]",
    "[2001:0:7f00:1::]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[ff02::1]",
  ],
];

test(`${PRIVATE_HOSTS.length} private hosts are refused before a connection`, async () => {
  await withServer(async (server) => {
    for (const host of PRIVATE_HOSTS) {
      for (const scheme of ["http", "HTTPS"]) {
        const refused =
          /: its host \S+ is of this machine or a private network; give a public address, or allow it with/;
        await assert.rejects(openGeoTiff(`${scheme}://${host}:${server.port}/scene.tif?sig=token`), refused, host);
      }
    }
    assert.equal(server.connections, 0);
  });
});

test("addresses that are none, and other schemes, are refused by name and without their secrets", async () => {
  const cases: [string, RegExp][] = [
    ["http://", /^http:\/\/: is not a valid address; check its spelling/],
    ["http://127.0.0.1%2f@", /is not a valid address/],
    ["https://mia:secret@[::1/scene.tif?token", /^https:\/\/\[::1\/scene\.tif: is not a valid address/],
    ["http://[fe80::1%25eth0]/", /is not a valid address/],
    ["http://256.256.256.256/", /is not a valid address/],
    ["file:///etc/passwd", /^file:\/\/\/etc\/passwd: file: addresses are not read; give the plain path/],
    ["FILE:/etc/passwd", /file: addresses are not read/],
    ["ftp://mia:secret@host/scene.tif", /^ftp:\/\/host\/scene\.tif: ftp: addresses are not read; download the file/],
    ["s3://bucket/scene.tif", /s3: addresses are not read; give the file's https:\/\/ address \(a signed one/],
    ["gs://bucket/scene.tif", /gs: addresses are not read; give the file's https/],
    ["gopher://127.0.0.1/1", /gopher: addresses are not read/],
    ["data:image/tiff;base64,SUkq", /data: addresses are not read/],
    [
      "/vsicurl/http://mia:secret@127.0.0.1/scene.tif",
      /^\/vsicurl\/http:\/\/127\.0\.0\.1\/scene\.tif: GDAL's \/vsi names/,
    ],
    ["/vsis3/bucket/scene.tif", /GDAL's \/vsi names are not read; give the plain path or the https:\/\/ address/],
  ];
  for (const [address, message] of cases) {
    await assert.rejects(openGeoTiff(address), (error: Error) => {
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /mia|secret|token/);
      return true;
    });
  }
  await assert.rejects(openGeoTiff("c:\\scenes\\absent.tif"), /no such file/);
  await assert.rejects(openGeoTiff("absent: a scene.tif"), /no such file/);
});

test("user and password that are not encoded rightly are refused without being shown", async () => {
  await assert.rejects(openSource("http://a%zz:secret@127.0.0.1:1/x.tif"), (error: Error) => {
    assert.match(
      error.message,
      /^http:\/\/127\.0\.0\.1:1\/x\.tif: its user or password is not percent-encoded rightly/,
    );
    return !error.message.includes("secret");
  });
});

test("an address names files by the last part of its path", () => {
  const names: Record<string, string> = {
    "https://host/a/S2%20B.tif?sig=x#y": "S2 B.tif",
    "https://host/a%2F..%2Fb%5Cc%00%0a.tif": "a..bc.tif",
    "https://host/%ZZ.tif": "%ZZ.tif",
    "https://host/": "scene",
    "https://host": "scene",
    "https://host/%2e%2e%2f": "scene",
    "http://[bad": "scene",
  };
  for (const [address, name] of Object.entries(names)) assert.equal(fileNameOf(address), name, address);
});

test("paths and addresses are told apart", () => {
  for (const address of ["http://host/a.tif", "https://host/a.tif", "HTTP://host/a.tif"]) assert.ok(isUrl(address));
  for (const path of ["a.tif", "/http/a.tif", "http/a.tif", "c:\\http.tif", "httpx://a"]) assert.ok(!isUrl(path), path);
});

test("public addresses are read from, whatever they border on", () => {
  for (const address of ["8.8.8.8", "100.63.255.255", "172.15.0.1", "172.32.0.1", "192.169.0.1", "223.255.255.255"]) {
    assert.ok(!isPrivateAddress(address), address);
    assert.ok(!isPrivateAddress(`::ffff:${address}`), "IPv4-mapped");
    assert.ok(!isPrivateAddress(`64:ff9b::${address}`), "through NAT64");
  }
  for (const address of ["2606:4700::1111", "2a00:1450:4001:81b::200e"]) assert.ok(!isPrivateAddress(address), address);
});

test("a name is resolved once for a connection, checked, and connected to at exactly that address", async () => {
  const answers = [["93.184.215.14"], ["127.0.0.1"], ["93.184.215.14", "10.0.0.1"], []];
  const rules = addressRules(false, { resolve: () => hostAt(...(answers.shift() ?? [])) });
  const lookup = guardedLookup("scene", rules);
  const ask = () =>
    new Promise((found, failed) =>
      lookup("scene.test", { all: true }, (error, addresses) => (error ? failed(error) : found(addresses))),
    );
  assert.deepEqual(await ask(), [{ address: "93.184.215.14", family: 4 }]);
  assert.equal(answers.length, 3, "asked once");
  await assert.rejects(ask(), /^SegError: scene: its host scene\.test \(127\.0\.0\.1\) is of this machine/);
  await assert.rejects(ask(), /its host scene\.test \(10\.0\.0\.1\)/);
  await assert.rejects(ask(), { code: "ENOTFOUND" });
});

test("a name that comes to mean a private address is refused before a connection", async () => {
  await withServer(async (server) => {
    const address = `http://scene.test:${server.port}/scene.tif`;
    let asked = 0;
    const resolve = () => hostAt(asked++ === 0 ? "127.0.0.1" : "127.0.0.2");
    const source = await openSource(address, asPublic(resolve));
    assert.deepEqual([asked, server.connections], [1, 1]);
    await source.close();
    await assert.rejects(
      openSource(address, asPublic(resolve)),
      /its host scene\.test \(127\.0\.0\.2\) is of this machine/,
    );
    assert.equal(server.connections, 1);
    await assert.rejects(
      openSource(
        address,
        asPublic(() => hostAt()),
      ),
      /there is no host scene\.test; check/,
    );
  });
});

/** Makes the server redirect /scene.tif as told. */
function redirect(server: RangeServer, locationOf: (path: string) => string | undefined, status = 302): void {
  server.trick = ({ url }, response) => {
    const location = locationOf(url ?? "");
    if (location === undefined) return false;
    response.writeHead(status, { location }).end();
    return true;
  };
}

test("a redirect to a private address is refused before a connection", async () => {
  await withServer(async (server) => {
    const isOwn = (host: string) => /^(127\.0\.0\.1|.*localhost\.?)$/.test(new URL(`http://${host}`).hostname); // public here
    const targets = ["inner.test", ...PRIVATE_HOSTS.filter((host) => !isOwn(host))];
    const resolve = (host: string) => hostAt(host === "inner.test" ? "10.0.0.1" : "127.0.0.1");
    for (const host of targets) {
      redirect(server, () => `http://${host}:${server.port}/scene.tif`);
      const before = server.connections;
      await assert.rejects(
        openSource(server.url, asPublic(resolve)),
        /scene\.tif: its host \S+ (\(10\.0\.0\.1\) )?is of this/,
        host,
      );
      assert.equal(server.connections, before + 1, host);
    }
    for (const location of ["file:///etc/passwd", "ftp://host/x", "http://[::1", "javascript:alert(1)"]) {
      redirect(server, () => location);
      await assert.rejects(openSource(server.url, asPublic()), /redirects to an address that is not https; check/);
    }
  });
});

test("five redirects are followed, a sixth and a loop are not", async () => {
  await withServer(async (server) => {
    const chain = (most: number) => (path: string) => {
      const step = Number(/\d+/.exec(path)?.[0] ?? 0);
      return step < most ? `/step-${step + 1}?key` : undefined;
    };
    redirect(server, chain(5), 307);
    const source = await openSource(server.url, asPublic());
    assert.deepEqual(source.traffic?.(), { requests: 6, bytes: CONTENT.length, downloaded: false });
    await source.close();
    for (const locationOf of [chain(6), () => "/scene.tif"]) {
      redirect(server, locationOf, 301);
      const before = server.seen.length;
      await assert.rejects(
        openSource(server.url, asPublic()),
        /scene\.tif: redirects more than 5 times; check the address/,
      );
      assert.equal(server.seen.length, before + 6);
    }
  });
});

test("where a redirect led is remembered, until it expires; user and password stay with their own host", async () => {
  const content = Buffer.alloc(200_000, 5);
  await withRangeServer(content, async (store) => {
    await withServer(async (server) => {
      redirect(server, () => `http://other:word@127.0.0.1:${store.port}/signed`);
      const source = await openSource(server.url.replace("http://", "http://mia:secret@"), asPublic());
      await source.read(70_000, 10);
      assert.deepEqual([server.seen.length, store.seen.length], [1, 2]);
      store.trick = (_, response, number) => number === 3 && Boolean(response.writeHead(403).end());
      await source.read(140_000, 10);
      assert.deepEqual([server.seen.length, store.seen.length], [2, 4]);
      assert.ok(server.seen.every(({ headers }) => headers.authorization !== undefined));
      assert.ok(store.seen.every(({ headers }) => headers.authorization === undefined));
      await source.close();
    });
  });
});
