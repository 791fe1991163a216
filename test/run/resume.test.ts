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

test("killed while a thread makes its batches, a training ends with the same bytes", () =>
  withFolder(async (folder) => {
    const large = ["--size", "192", "--augment", "aerial", "--save-every", "4"]; // enough pixels for the thread to start
    await compare(folder, [...TRAINED, ...large].filter(isLastOfItsFlag), 30, moments(2, 2, 30));
  }));

/** Leaves out flags, with their values, that are given again later. */
function isLastOfItsFlag(_: string, i: number, args: string[]): boolean {
  const at = args[i].startsWith("--") ? i : i - 1;
  return args.lastIndexOf(args[at]) === at;
}
