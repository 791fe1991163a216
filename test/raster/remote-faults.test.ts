/**
 * @file Servers that fail: what can be mended by asking again is, a file that changes is never mixed, everything else is refused in one line without
 * the secrets of the address, and nothing waits for ever.
 */
import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { test } from "node:test";
import { EXIT, SegError } from "../../src/errors.js";
import { type ByteSource, openSource, type SourceOptions } from "../../src/raster/geotiff/source.js";
import { refuseFull } from "../../src/raster/remote/download.js";
import { BLOCK_BYTES } from "../../src/raster/remote/range-cache.js";
import { fill } from "../support/filler.js";
import { type RangeServer, sendContent, withRangeServer } from "../support/range-server.js";

const OPTIONS: SourceOptions = { allowPrivateHosts: true, network: { firstPauseMs: 1, connectMs: 2000, readMs: 2000 } };
const HASTY: SourceOptions = { allowPrivateHosts: true, network: { firstPauseMs: 1, connectMs: 60, readMs: 60 } };
const TRIES = 4;
const CONTENT = Buffer.from(Uint8Array.from(fill(3, 5 * BLOCK_BYTES + 100, 127), (value) => value + 128));
/** The last four blocks and a bit: the first one came with the opening. */
const [FROM, LENGTH] = [BLOCK_BYTES, CONTENT.length - BLOCK_BYTES];

const withServer = (use: (server: RangeServer) => Promise<void>) => withRangeServer(CONTENT, use);

async function withSource(server: RangeServer, options: SourceOptions, use: (source: ByteSource) => Promise<void>) {
  const source = await openSource(server.url, options);
  try {
    await use(source);
  } finally {
    await source.close();
  }
}

const readRest = async (source: ByteSource) =>
  assert.ok(
    (await source.read(FROM, LENGTH)).equals(CONTENT.subarray(FROM, FROM + LENGTH)),
    "the bytes are the file's",
  );

type Trick = (request: IncomingMessage, response: ServerResponse) => void;

/** Plays the tricks one after another from the next request on, and is honest afterwards. */
function play(server: RangeServer, ...tricks: Trick[]): void {
  server.trick = (request, response) => {
    const next = tricks.shift();
    next?.(request, response);
    return next !== undefined;
  };
}

const status =
  (code: number, headers: Record<string, string> = {}): Trick =>
  (_, response) =>
    void response.writeHead(code, headers).end("an explanation");

test("errors of the server and broken connections are asked again", async () => {
  await withServer(async (server) => {
    play(server, status(503), status(429, { "retry-after": "0" }), (request) => request.destroy());
    await withSource(server, OPTIONS, async (source) => {
      assert.equal(server.seen.length, TRIES);
      play(server, status(500), (request) => request.destroy(), status(502));
      await readRest(source);
      assert.equal(server.seen.length, 2 * TRIES);
      assert.deepEqual(source.traffic?.().requests, 2 * TRIES);
    });
  });
});

test("a server that goes on failing is given up after four tries", async () => {
  await withServer(async (server) => {
    await withSource(server, OPTIONS, async (source) => {
      server.trick = (_, response) => Boolean(response.writeHead(503).end());
      const before = server.seen.length;
      await assert.rejects(
        source.read(FROM, 10),
        /127\.0\.0\.1:\d+\/scene\.tif: cannot be read \(the server answers 503\)/,
      );
      assert.equal(server.seen.length, before + TRIES);
      server.trick = undefined;
      await readRest(source);
    });
  });
});

test("a cut answer goes on where it ended", async () => {
  await withServer(async (server) => {
    await withSource(server, OPTIONS, async (source) => {
      const half: Trick = (request, response) =>
        sendContent(server, request, response, (bytes) => bytes.subarray(0, Math.floor(bytes.length / 2)));
      play(server, half, half);
      await readRest(source);
      const starts = server.seen.slice(1).map(({ headers }) => Number(/^bytes=(\d+)-/.exec(headers.range ?? "")?.[1]));
      assert.ok(starts[0] < starts[1] && starts[1] < starts[2], `asked from ${starts}`);
      assert.equal(server.sent, CONTENT.length, "no byte came twice");
    });
  });
});

test("an answer whose end is missing after all its bytes is whole", async () => {
  await withServer(async (server) => {
    await withSource(server, OPTIONS, async (source) => {
      play(server, ({ headers }, response) => {
        const [from, to] = (headers.range ?? "").match(/\d+/g)?.map(Number) ?? [];
        response.writeHead(206, { etag: '"first"', "content-range": `bytes ${from}-${to}/${CONTENT.length}` });
        response.write(CONTENT.subarray(from), () => setTimeout(() => response.destroy(), 5)); // chunked, without a last chunk
      });
      await readRest(source);
      assert.equal(server.seen.length, 2);
    });
  });
});

test("answers that stay cut are refused, whether the cut is told or not", async () => {
  await withServer(async (server) => {
    await withSource(server, OPTIONS, async (source) => {
      const cut: Trick = (request, response) => sendContent(server, request, response, (bytes) => bytes.subarray(0, 0));
      server.trick = (request, response) => {
        cut(request, response);
        return true;
      };
      await assert.rejects(source.read(FROM, LENGTH), /cannot be read \(the connection broke\); check/);
      server.trick = (request, response) => {
        const from = Number(/\d+/.exec(request.headers.range ?? "")?.[0]);
        const range = `bytes ${from}-${from + 9}/${CONTENT.length}`;
        response.writeHead(206, { etag: '"first"', "content-range": range, "content-length": 10 });
        response.end(CONTENT.subarray(from, from + 10)); // ten bytes in place of all
        return true;
      };
      await assert.rejects(source.read(FROM, LENGTH), /cannot be read \(the answer was cut off\)/);
    });
  });
});

test("a download that is cut begins anew", async () => {
  await withServer(async (server) => {
    server.knowsRanges = false;
    play(server, (request, response) => sendContent(server, request, response, (bytes) => bytes.subarray(0, 5000)));
    await withSource(server, OPTIONS, async (source) => {
      assert.equal(server.seen.length, 2);
      await readRest(source);
    });
  });
});

const CHANGES: Record<string, (server: RangeServer) => void> = {
  "another ETag": (server) => {
    server.etag = '"second"';
  },
  "another ETag from a server that does not heed If-Range": (server) => {
    server.etag = '"second"';
    server.trick = (request) => {
      delete request.headers["if-range"];
      return false;
    };
  },
  "no ETag any more": (server) => {
    server.etag = undefined;
  },
  "another length under the same ETag": (server) => {
    server.content = Buffer.concat([CONTENT, CONTENT]);
  },
  "a file too short for the range": (server) => play(server, status(416)),
  "a failed condition": (server) => play(server, status(412)),
};

for (const [what, change] of Object.entries(CHANGES)) {
  test(`a file that changed while it was read is refused: ${what}`, async () => {
    await withServer(async (server) => {
      await withSource(server, OPTIONS, async (source) => {
        change(server);
        await assert.rejects(
          source.read(FROM, LENGTH),
          /scene\.tif: changed on the server while it was read; run again/,
        );
      });
    });
  });
}

test("without an ETag the date tells a changed file, a weak ETag is compared but sets no condition", async () => {
  await withServer(async (server) => {
    server.etag = undefined;
    server.modified = "Tue, 03 Jun 2025 10:00:00 GMT";
    await withSource(server, OPTIONS, async (source) => {
      server.modified = "Tue, 03 Jun 2025 10:00:01 GMT";
      await assert.rejects(source.read(FROM, LENGTH), /changed on the server/);
      assert.equal(server.seen[1].headers["if-range"], "Tue, 03 Jun 2025 10:00:00 GMT");
    });
    server.etag = 'W/"weak"';
    await withSource(server, OPTIONS, async (source) => {
      await readRest(source);
      assert.equal(server.seen.at(-1)?.headers["if-range"], undefined);
    });
  });
});

test("answers that are not what was asked for are refused", async () => {
  const whole =
    (headers: Record<string, string>): Trick =>
    (_, response) =>
      void response.writeHead(206, { etag: '"first"', ...headers }).end(CONTENT.subarray(0, BLOCK_BYTES));
  await withServer(async (server) => {
    play(server, whole({}));
    await assert.rejects(openSource(server.url, OPTIONS), /the server names no part/);
    play(server, whole({ "content-range": `bytes 0-${BLOCK_BYTES - 1}/*` }));
    await assert.rejects(openSource(server.url, OPTIONS), /the server does not tell its size/);
    play(
      server,
      whole({ "content-range": `bytes 0-${BLOCK_BYTES - 1}/${CONTENT.length}`, "content-encoding": "gzip" }),
    );
    await assert.rejects(openSource(server.url, OPTIONS), /the server packs it \(gzip\) though asked not to/);
    await withSource(server, OPTIONS, async (source) => {
      server.trick = (request, response) => {
        whole({ "content-range": `bytes 0-${BLOCK_BYTES - 1}/${CONTENT.length}` })(request, response);
        return true;
      };
      await assert.rejects(
        source.read(FROM, LENGTH),
        /cannot be read \(the server sends another part than was asked for/,
      );
    });
  });
});

test("refusals of the server say what to do and show no secrets", async () => {
  await withServer(async (server) => {
    const secret = server.url.replace("http://", "http://mia:secret@").concat("?sig=token#part");
    const cases: [number, RegExp][] = [
      [401, /^http:\/\/127\.0\.0\.1:\d+\/scene\.tif: may not be read \(401\); give an address that is signed/],
      [403, /may not be read \(403\)/],
      [404, /does not exist \(404\); check the address/],
      [416, /is empty/],
      [418, /the server answers 418/],
    ];
    for (const [code, message] of cases) {
      play(server, status(code));
      await assert.rejects(openSource(secret, OPTIONS), (error: Error) => {
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, /mia|secret|token/);
        return true;
      });
    }
    assert.equal(server.seen[0].headers.authorization, `Basic ${Buffer.from("mia:secret").toString("base64")}`);
    assert.equal(server.seen[0].path, "/scene.tif?sig=token");
  });
});

test("servers that hang are given up by the time limits", async () => {
  await withServer(async (server) => {
    server.trick = () => true;
    await assert.rejects(openSource(server.url, HASTY), /cannot be read \(no answer in 0\.06 s\)/);
    server.trick = (_, response) => {
      response.writeHead(200, { "content-length": 10_000 }).write("the beginning");
      return true;
    };
    await assert.rejects(openSource(server.url, HASTY), /cannot be read \(no answer in 0\.06 s\)/);
    const never = { ...HASTY, network: { ...HASTY.network, resolve: () => new Promise<never>(() => {}) } };
    await assert.rejects(
      openSource("http://scene.test/scene.tif", never),
      /cannot be read \(no connection in 0\.06 s\)/,
    );
  });
});

test("an answer that stops in its middle is taken up by another connection", async () => {
  await withServer(async (server) => {
    await withSource(server, HASTY, async (source) => {
      play(server, ({ headers }, response) => {
        const [from, to] = (headers.range ?? "").match(/\d+/g)?.map(Number) ?? [];
        const range = { etag: '"first"', "content-range": `bytes ${from}-${to}/${CONTENT.length}` };
        response.writeHead(206, range).write(CONTENT.subarray(from, from + 70_000));
      });
      await readRest(source);
      assert.equal(server.seen.at(-1)?.headers.range, `bytes=${FROM + 70_000}-${CONTENT.length - 1}`);
    });
  });
});

test("reads that wait when the source is closed end, and so does what was to be fetched ahead", async () => {
  await withServer(async (server) => {
    const source = await openSource(server.url, OPTIONS);
    server.trick = () => true;
    source.prefetch?.([[0, CONTENT.length]]);
    const read = assert.rejects(source.read(FROM, 10), /was read after it was closed/);
    await new Promise((done) => setTimeout(done, 20));
    await source.close();
    await read;
  });
});

test("no more bytes are fetched than are allowed", async () => {
  await withServer(async (server) => {
    const limited = { ...OPTIONS, mostFetchedBytes: 3 * BLOCK_BYTES };
    await withSource(server, limited, async (source) => {
      await source.read(FROM, BLOCK_BYTES);
      const before = server.seen.length;
      const refusal = /needs more than the 196608 bytes that may be fetched of one file; download/;
      await assert.rejects(source.read(3 * BLOCK_BYTES, 2 * BLOCK_BYTES), refusal);
      assert.equal(server.seen.length, before, "nothing was asked for");
      await source.read(2 * BLOCK_BYTES, 10);
    });
    server.knowsRanges = false;
    await assert.rejects(openSource(server.url, limited), /needs more than the 196608 bytes/);
    server.trick = (_, response) => {
      const more = () => void (response.destroyed || response.write(CONTENT, () => setImmediate(more))); // an answer without end
      response.writeHead(200);
      more();
      return true;
    };
    await assert.rejects(openSource(server.url, limited), /needs more than the 196608 bytes/);
  });
});

test("a server that sends a part at each try is asked on, one that drips is given up", async () => {
  await withServer(async (server) => {
    await withSource(server, OPTIONS, async (source) => {
      server.trick = (request, response) => {
        sendContent(server, request, response, (bytes) => bytes.subarray(0, 20_000));
        return true;
      };
      await readRest(source);
      assert.ok(server.seen.length > 3 * TRIES, `${server.seen.length} requests`);
    });
    server.trick = (_, response) => {
      response.writeHead(200, { "content-length": 10_000 });
      const drip = setInterval(() => response.write("."), 10);
      response.on("close", () => clearInterval(drip));
      return true;
    };
    await assert.rejects(openSource(server.url, HASTY), /cannot be read \(the server is too slow\)/);
  });
});

test("a file that has to be downloaded must fit into the folder of temporary files", async () => {
  await refuseFull("scene.tif", 1000);
  await assert.rejects(refuseFull("scene.tif", 1e18), (error) => {
    assert.ok(error instanceof SegError && error.exitCode === EXIT.guard);
    assert.match(
      error.message,
      /^scene.tif: its server knows no ranges, and .* has no room for its 1000000000000000000 /,
    );
    return true;
  });
});
