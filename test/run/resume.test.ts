/** @file A run that is killed at any moment and resumed ends as the unbroken run does: the same bytes, every step logged once. */
import { test } from "node:test";
import { withFolder } from "../support/folder.js";
import { CACHED, compare, TRAINED } from "./broken-run.js";
import { moments } from "./kill.js";

test("killed 8 times and resumed, a training ends with the same bytes", () =>
  withFolder(async (folder) => {
    await compare(folder, TRAINED, 30, moments(1, 8, 30));
  }));

test("killed while embeddings are written and while it saves, a frozen encoder's run ends with the same bytes", () =>
  withFolder(async (folder) => {
    await compare(folder, CACHED, 9, [
      { kind: "embedding", at: 5, delay: 3 },
      { kind: "save", at: 3, delay: 2 },
    ]);
  }));
