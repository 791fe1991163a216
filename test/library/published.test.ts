/** @file Files named like published weights must be them: the whole SHA-256 is compared, not the digits in the name (Meta's are of another hash). */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { createModel, importWeights, SegError, writeSafetensors } from "../../src/index.js";
import { statedHash } from "../../src/weights/known.js";
import { withFolder } from "../support/folder.js";

test("the stated hash of a published file, wherever it lies; none for other names", () => {
  assert.equal(statedHash("/data/sam_vit_b_01ec64.pth")?.slice(0, 8), "ec2df627");
  for (const name of [
    "resnet18-f37072fd.pth",
    "resnet34-b627a593.pth",
    "resnet50-0676ba61.pth",
    "resnet50-11ad3fa6.pth",
  ])
    assert.ok(statedHash(name)?.startsWith(name.slice(9, 17)), name);
  assert.equal(statedHash("my-resnet.pth"), undefined);
});

test("another file under a published name is not imported", async () => {
  await withFolder(async (folder) => {
    const model = await createModel({ encoder: "resnet-test", decoder: "fpn", classes: 2, threads: 1 });
    const encoder = new Map([...model.state].filter(([name]) => name.startsWith("encoder.")));
    const file = join(folder, "resnet18-f37072fd.pth");
    await writeSafetensors(file, encoder, {});
    await assert.rejects(
      importWeights(file, "resnet-test"),
      (error) => error instanceof SegError && /that of the published file is f37072fd/.test(error.reason),
    );
  });
});
