/** @file Opens a file of weights by what it holds, whatever it is called. */
import { SegError } from "../errors.js";
import { damaged, withRanges } from "./reading.js";
import { openSafetensors } from "./safetensors.js";
import type { WeightFile } from "./state.js";
import { CONVERSION, openTorchCheckpoint } from "./torch-checkpoint.js";

/** A safetensors file or a torch checkpoint. Rejects with SegError for anything else, saying what it seems to be. */
export async function openWeights(path: string): Promise<WeightFile> {
  const head = await withRanges(path, (file) => file.read(0, Math.min(512, file.size)));
  if (head.length > 8 && head[8] === 0x7b) return openSafetensors(path);
  if (startsWith(head, "PK\u0003\u0004")) return openTorchCheckpoint(path);
  throw refusal(path, head);
}

/** Ends the lines for files torch wrote before 1.6, which only unpickling could read. */
const TRUSTED = CONVERSION.replace("weights_only=True", "weights_only=False").replace(
  "convert it",
  "if you trust it, convert it",
);

function refusal(path: string, head: Buffer): SegError {
  const text = head.toString("latin1");
  if (text.includes("ustar")) return new SegError(path, "is a torch checkpoint of before 0.1.10 (tar)", TRUSTED);
  if (head[0] === 0x80 && head[1] <= 5)
    return new SegError(path, "is a bare pickle, as torch wrote before 1.6", CONVERSION);
  if (/^\s*<(!doctype|html|\?xml)/i.test(text)) return damaged(path, "is a web page, not weights");
  if (text.startsWith("version https://git-lfs"))
    return damaged(path, "is a Git LFS pointer, not the weights themselves");
  if (text.startsWith("\u0089HDF")) return new SegError(path, "is an HDF5 file", "convert it to safetensors");
  return new SegError(path, "is neither safetensors nor a torch checkpoint", "give a .safetensors, .pth or .pt file");
}

const startsWith = (head: Buffer, text: string): boolean => head.toString("latin1", 0, text.length) === text;
