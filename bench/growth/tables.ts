/** @file What the growth tables run: one work a line, sizes, batches, classes and threads varied one at a time. */
import type { Side } from "../speed/run-side.js";

/** One line of a table. */
export interface Work {
  readonly about: string;
  readonly encoder: string;
  readonly decoder?: string;
  /** A part of inference, or a training step. */
  readonly part: "whole" | "encode" | "decode" | "step" | "cached step";
  readonly size: number;
  readonly batch: number;
  readonly classes: number;
  readonly threads: number;
}

export interface Table {
  readonly name: string;
  readonly about: string;
  readonly works: readonly Work[];
}

const RESNET = { encoder: "resnet18", size: 256, batch: 1, classes: 11 } as const;
const SAM = { encoder: "sam-vit-b", size: 1024, batch: 1, classes: 11 } as const;

const inference = { ...RESNET, about: "ResNet-18 + UNet inference", part: "whole" } as const;
const step = { ...RESNET, about: "ResNet-18 + UNet step", part: "step" } as const;

/** The tables for a machine of so many threads. */
export function tables(threads: number): readonly Table[] {
  const at = { threads };
  const sizes = [256, 512, 1024, 2048];
  const parts: readonly Omit<Work, "threads">[] = [
    { ...inference, size: 1024, about: "ResNet-18 encoder, forward", part: "encode" },
    { ...inference, size: 1024, about: "UNet of ResNet-18, forward", part: "decode" },
    { ...inference, size: 1024, about: "ResNet-18 + UNet, forward" },
    { ...step, batch: 8, about: "ResNet-18 + UNet, step" },
    { ...SAM, about: "SAM ViT-B encoder, forward", part: "encode" },
    { ...SAM, about: "pyramid + UNet, forward", part: "decode" },
    { ...SAM, about: "pyramid + UNet, step", part: "cached step" },
    { ...SAM, about: "pyramid + FPN, forward", decoder: "fpn", part: "decode" },
    { ...SAM, about: "pyramid + FPN, step", decoder: "fpn", part: "cached step" },
  ];
  return [
    {
      name: "size",
      about: "over image size",
      works: [inference, step].flatMap((work) => sizes.map((size) => ({ ...work, ...at, size }))),
    },
    { name: "batch", about: "over batch", works: [1, 2, 4, 8, 16].map((batch) => ({ ...step, ...at, batch })) },
    {
      name: "classes",
      about: "over classes",
      works: [inference, step].flatMap((work) =>
        [2, 11, 50, 150].map((classes) => ({ ...work, ...at, size: 512, classes })),
      ),
    },
    {
      name: "parts",
      about: "part by part, 1 and 2 threads",
      works: parts.flatMap((work) => [1, 2].map((count) => ({ ...work, threads: count }))),
    },
  ];
}

/** The program that does a work. */
export function sideOf({ encoder, decoder = "unet", part, size, batch, classes }: Work): Side {
  const common = ["--encoder", encoder, "--decoder", decoder, "--size", size, "--classes", classes].map(String);
  if (part === "step") return { file: "ours/step.ts", args: [...common, "--batch", String(batch)] };
  if (part === "cached step")
    return { file: "ours/step.ts", args: [...common, "--batch", String(batch), "--tune", "frozen"] };
  return { file: "ours/predictor.ts", args: [...common, "--part", part] };
}
