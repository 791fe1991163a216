/** @file TensorFlow.js that is not installed, and one that is but does not load: errors that name the package. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { tfjsEngine } from "../../src/engine/tfjs/index.js";

const failing = (code: string | undefined, message: string) => () =>
  Promise.reject(Object.assign(new Error(message), { code }));

test("no package is installed", () =>
  assert.rejects(tfjsEngine({}, failing("ERR_MODULE_NOT_FOUND", "Cannot find package")), {
    name: "SegError",
    message: /^--engine tfjs: TensorFlow\.js is not installed; npm install one of: @tensorflow\/tfjs-node-gpu, /,
  }));

test("a package without its native addon is named, with what to do", () =>
  assert.rejects(
    tfjsEngine({}, failing(undefined, "The Node.js native addon module (tfjs_binding.node) can not be found")),
    {
      name: "SegError",
      message:
        /tfjs-node-gpu is installed but cannot be loaded \(The Node\.js native addon .*\); npm rebuild @tensorflow/,
    },
  ));
