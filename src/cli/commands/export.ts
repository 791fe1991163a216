/** @file `seg export`: a model as one ONNX file. */
import { EXIT, SegError } from "../../errors.js";
import { exportOnnx } from "../../export.js";
import { openModel } from "../../open-model.js";
import { type Arguments, defineCommand, required, text } from "../command.js";
import { engineFlags, jsonFlag, modelFlag, modelOptions } from "../options.js";
import { print } from "../output.js";

export const command = defineCommand(
  {
    model: modelFlag,
    out: { type: "string", describe: "FILE.onnx", requiresArg: true },
    size: {
      type: "string",
      describe: "sides of the input: N or HxW (default: the encoder's size, else the training crop)",
      requiresArg: true,
    },
    force: { type: "boolean", describe: "replace a file that is there" },
    plugin: engineFlags.plugin,
    json: jsonFlag,
  },
  runExport,
  (y) => y.example("seg export --model runs/a --out a.onnx", "raw RGB in, class scores out; metadata says the rest"),
);

async function runExport(args: Arguments): Promise<number> {
  const [height, width] = sizeOf(text(args, "size"));
  const out = required(args, "out");
  if (!out.endsWith(".onnx")) throw new SegError(`--out ${out}`, "does not end in .onnx", "name it FILE.onnx");
  const open = await openModel(required(args, "model"), await modelOptions(args));
  try {
    const result = await exportOnnx(open, out, { height, width, force: args.force === true });
    print(args.json, result, () => {
      console.log(
        `${result.path}: image [${result.input.join(", ")}] float32 -> scores [${result.output.join(", ")}]${result.externalData ? `, weights in ${result.path}.data` : ""}`,
      );
    });
  } finally {
    await open.close();
  }
  return EXIT.ok;
}

function sizeOf(given: string | undefined): [number | undefined, number | undefined] {
  if (given === undefined) return [undefined, undefined];
  const match = /^(\d+)(?:x(\d+))?$/.exec(given);
  if (!match) throw new SegError(`--size ${given}`, "cannot be read", "write it like 512 or 384x512 (height x width)");
  return [Number(match[1]), Number(match[2] ?? match[1])];
}
