import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, readlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { SegError } from "../../src/errors.js";
import { downloadFromHub, type HubDownload } from "../../src/weights/hub.js";
import { withFolder } from "../support/folder.js";
import { COMMIT, startHub, type TestHub } from "../support/hub.js";

const content = Buffer.from(Uint32Array.from({ length: 5000 }, (_, i) => Math.imul(i, 2654435761) >>> 0).buffer);
const sha256 = createHash("sha256").update(content).digest("hex");
const request: HubDownload = { repository: "org/model.v1", file: "sub/model.safetensors" };

/** A test with a fresh hub and a fresh cache. */
function hubTest(name: string, run: (hub: TestHub, repository: string) => Promise<void>): void {
  test(name, () =>
    withFolder(async (folder) => {
      const hub = await startHub(content);
      const before = { ...process.env };
      Object.assign(process.env, { HF_HOME: folder, HF_ENDPOINT: hub.endpoint, HF_TOKEN: "secret" });
      delete process.env.HF_HUB_CACHE;
      try {
        await run(hub, join(folder, "hub", "models--org--model.v1"));
      } finally {
        process.env = before;
        await hub.close();
      }
    }),
  );
}

hubTest("a pull fills the cache as Python does, the token stays with the hub", async (hub, repository) => {
  const progress: number[] = [];
  const path = await downloadFromHub({ ...request, onProgress: (done) => progress.push(done) });
  assert.equal(path, join(repository, "snapshots", COMMIT, "sub", "model.safetensors"));
  assert.deepEqual(await readFile(path), content);
  assert.equal(await readlink(path), `../../../blobs/${sha256}`);
  assert.equal(await readFile(join(repository, "refs", "main"), "utf8"), COMMIT);
  assert.deepEqual(await readdir(join(repository, "blobs")), [sha256]);
  assert.equal(progress.at(-1), content.length);
  assert.deepEqual(
    hub.seen.map(({ method, role, authorization }) => [method, role, authorization]),
    [
      ["HEAD", "hub", "Bearer secret"],
      ["GET", "hub", "Bearer secret"],
      ["GET", "store", undefined],
    ],
  );
});

hubTest("what is there and right is not fetched again; what is damaged is", async (hub, repository) => {
  await downloadFromHub(request);
  await downloadFromHub(request);
  assert.equal(hub.seen.filter(({ role }) => role === "store").length, 1);
  const blob = join(repository, "blobs", sha256);
  await writeFile(blob, Buffer.concat([content.subarray(0, -1), Buffer.from([content[content.length - 1] ^ 1])]));
  assert.deepEqual(await readFile(await downloadFromHub(request)), content);
});

hubTest("cut connections are taken up where they broke, within one call", async (hub) => {
  hub.cutAfter = 6000;
  assert.deepEqual(await readFile(await downloadFromHub(request)), content);
  const ranges = hub.seen.filter(({ role }) => role === "store").map(({ range }) => range);
  assert.deepEqual(ranges, [undefined, "bytes=6000-", "bytes=12000-", "bytes=18000-"]);
});

hubTest("a call that gave up is taken up by the next", async (hub, repository) => {
  hub.cutAfter = 0;
  const part = join(repository, "blobs", `${sha256}.sam-seg.incomplete`, "part");
  await mkdir(dirname(part), { recursive: true });
  await writeFile(part, content.subarray(0, 7777));
  await assert.rejects(
    downloadFromHub(request),
    (error) => error instanceof SegError && /cannot be reached/.test(error.message),
  );
  assert.ok(!existsSync(join(repository, "blobs", sha256)));
  hub.cutAfter = undefined;
  assert.deepEqual(await readFile(await downloadFromHub(request)), content);
  assert.equal(hub.seen.at(-1)?.range, "bytes=7777-");
});

hubTest("a part that does not belong to the file never gets its name", async (hub, repository) => {
  const part = join(repository, "blobs", `${sha256}.sam-seg.incomplete`, "part");
  await mkdir(dirname(part), { recursive: true });
  await writeFile(part, Buffer.alloc(5000));
  await assert.rejects(downloadFromHub(request), /wrong hash/);
  assert.ok(!existsSync(part) && !existsSync(join(repository, "blobs", sha256)));
  assert.deepEqual(await readFile(await downloadFromHub(request)), content);
  assert.ok(hub.seen.length > 0);
});

hubTest("the whole file in answer to a range starts over", async (hub, repository) => {
  hub.ignoresRanges = true;
  const part = join(repository, "blobs", `${sha256}.sam-seg.incomplete`, "part");
  await mkdir(dirname(part), { recursive: true });
  await writeFile(part, content.subarray(0, 9000));
  assert.deepEqual(await readFile(await downloadFromHub(request)), content);
  assert.equal(hub.seen.at(-1)?.range, "bytes=9000-");
});

hubTest("the same size with other bytes is refused", async (hub, repository) => {
  hub.sent = Buffer.from(content);
  hub.sent[12345] ^= 1;
  await assert.rejects(
    downloadFromHub(request),
    (error) => error instanceof SegError && /wrong hash/.test(error.message),
  );
  assert.deepEqual(await readdir(join(repository, "blobs", `${sha256}.sam-seg.incomplete`)), []);
  assert.ok(!existsSync(join(repository, "snapshots")));
});

hubTest("more bytes than stated are refused", async (hub) => {
  hub.sent = Buffer.concat([content, content]);
  await assert.rejects(downloadFromHub(request), /more bytes than it stated/);
});

hubTest("a pinned hash or size wins over the server's word", async (hub) => {
  await assert.rejects(downloadFromHub({ ...request, sha256: "0".repeat(64) }), /not the file known/);
  await assert.rejects(downloadFromHub({ ...request, bytes: 1 }), /not the file known/);
  assert.ok(hub.seen.every(({ role }) => role === "hub"));
  await downloadFromHub({ ...request, sha256, bytes: content.length });
});

hubTest("small files are checked by git's hash", async (hub, repository) => {
  hub.isSmall = true;
  assert.deepEqual(await readFile(await downloadFromHub({ ...request, sha256 })), content);
  assert.match((await readdir(join(repository, "blobs")))[0], /^[0-9a-f]{40}$/);
  assert.ok(hub.seen.every(({ role }) => role === "hub"));
});

hubTest("a repository that moved is found", async (hub) => {
  hub.movedTo = "/new/name";
  assert.deepEqual(await readFile(await downloadFromHub(request)), content);
});

hubTest("refusals say what to do", async (hub) => {
  const cases: [number, RegExp][] = [
    [401, /accept the licence/],
    [404, /check the repository/],
    [503, /answers 503.*seg weights import/],
  ];
  for (const [status, reason] of cases) {
    hub.status = status;
    await assert.rejects(downloadFromHub(request), (error) => error instanceof SegError && reason.test(error.message));
  }
  process.env.HF_ENDPOINT = "http://127.0.0.1:9"; // nobody listens
  await assert.rejects(
    downloadFromHub(request),
    (error) => error instanceof SegError && /cannot be reached/.test(error.message),
  );
});

hubTest("names that would leave the cache are refused before anything is asked", async (hub) => {
  const bad: Partial<HubDownload>[] = [
    { repository: "../x" },
    { repository: "a/.." },
    { repository: "a/b/c" },
    { file: "../x" },
    { file: "a//b" },
    { file: "/etc/x" },
    { file: "a/./b" },
    { revision: "../main" },
    { revision: "" },
  ];
  for (const change of bad)
    await assert.rejects(downloadFromHub({ ...request, ...change }), SegError, JSON.stringify(change));
  assert.deepEqual(hub.seen, []);
});
