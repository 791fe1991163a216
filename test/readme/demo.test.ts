/** @file The demo as the README promises it. Takes about a minute: it trains for real. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { seg } from "../support/cli.js";
import { withFolder } from "../support/folder.js";

test("the demo maps an unseen town", async () => {
  await withFolder(async (folder) => {
    const { code, stdout, stderr } = await seg(["demo", "--json"], { cwd: folder });
    assert.equal(code, 0, stderr);
    const result = JSON.parse(stdout);
    assert.ok(result.mIoU >= 0.6, `mIoU ${result.mIoU}`);
    assert.ok(result.mIoU >= 2 * result.majorityMIoU, `mIoU ${result.mIoU}, majority class ${result.majorityMIoU}`);
    for (const name of ["map", "overlay", "page", "scene"])
      assert.ok(existsSync(join(folder, result[name])), result[name]);
    const again = await seg(["demo"], { cwd: folder });
    assert.equal(again.code, 0, again.stderr);
    assert.match(again.stdout, /mIoU/);
    assert.equal((await seg(["demo", "--seed", "1"], { cwd: folder })).code, 2);
  });
});
