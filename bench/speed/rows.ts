/** @file The table of issue 6: what is measured, against whom, what must be reached and what is aimed for. One object a row. */
import type { Measured, Side } from "./run-side.js";

/** One line of the report: a figure of ours, alone or as a ratio to a peer's. */
export interface Goal {
  readonly what: string;
  /** Key of the side it is divided by; absent: an absolute figure. */
  readonly peer?: string;
  /** Key of the side whose figure it is; absent: ours. */
  readonly side?: string;
  readonly of: (side: Measured) => number;
  readonly unit: "s" | "GiB" | "%" | "";
  readonly target?: number;
  readonly aim?: number;
  /** Whether more is better. */
  readonly atLeast?: boolean;
}

export interface Row {
  readonly name: string;
  readonly about: string;
  readonly ours: Side;
  readonly peers: Readonly<Record<string, Side>>;
  readonly goals: readonly Goal[];
  /** Runs only when it is named: minutes, gigabytes. */
  readonly slow?: boolean;
  /** Repeats over all rounds, where not the runner's. */
  readonly samples?: number;
  /** Fresh processes of each side, where not the runner's: 1 where a process does its own preparations for minutes and has no peer. */
  readonly rounds?: number;
  readonly warmUp?: number;
}

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 ? sorted[Math.floor(middle)] : (sorted[middle - 1] + sorted[middle]) / 2;
};
const seconds = (side: Measured) => median(side.seconds);
const peak = (side: Measured) => Math.max(...side.peakBytes) / 2 ** 30;
const figure = (name: string) => (side: Measured) => median(side.figures[name] ?? []);

const time = (peer: string, target?: number, aim?: number): Goal => ({
  what: "time",
  peer,
  of: seconds,
  unit: "s",
  target,
  aim,
});
const memory = (peer: string, target?: number, aim?: number): Goal => ({
  what: "peak memory",
  peer,
  of: peak,
  unit: "GiB",
  target,
  aim,
});

export const rows: readonly Row[] = [
  {
    name: "encoder",
    about: "SAM ViT-B encoder, one 1024 image",
    ours: { file: "ours/predictor.ts", args: ["--part", "encode"] },
    peers: { "transformers, SDPA": { file: "peers/encoder.py" } },
    goals: [time("transformers, SDPA", 0.6, 0.5), memory("transformers, SDPA", 0.6, 0.4)],
  },
  {
    name: "resnet-step",
    about: "ResNet-18 + UNet training step, batch 8, 256 x 256",
    ours: { file: "ours/step.ts" },
    peers: { "SMP, channels_last": { file: "peers/smp_resnet.py" } },
    goals: [time("SMP, channels_last", 1.1, 0.8), memory("SMP, channels_last")],
    warmUp: 2,
  },
  {
    name: "resnet-predict",
    about: "ResNet-18 + UNet inference, 1024 x 1024",
    ours: { file: "ours/predictor.ts", args: ["--encoder", "resnet18"] },
    peers: {
      "SMP, channels_last": {
        file: "peers/smp_resnet.py",
        args: ["--work", "predict", "--size", "1024", "--batch", "1"],
      },
    },
    goals: [time("SMP, channels_last", 0.7, 0.5), memory("SMP, channels_last")],
    warmUp: 2,
  },
  {
    name: "unet-step",
    about: "UNet training step (with pyramid, 11 classes) on a cached 64x64x256 embedding -> 1024x1024",
    ours: {
      file: "ours/step.ts",
      args: ["--encoder", "sam-vit-b", "--tune", "frozen", "--size", "1024", "--batch", "1"],
    },
    peers: { "SMP, channels_last": { file: "peers/smp_decoder.py" } },
    goals: [time("SMP, channels_last", 1, 0.7), memory("SMP, channels_last")],
    warmUp: 2,
  },
  {
    name: "fpn-step",
    about: "FPN, the same",
    ours: {
      file: "ours/step.ts",
      args: ["--encoder", "sam-vit-b", "--decoder", "fpn", "--tune", "frozen", "--size", "1024", "--batch", "1"],
    },
    peers: { "SMP, channels_last": { file: "peers/smp_decoder.py", args: ["--decoder", "fpn"] } },
    goals: [time("SMP, channels_last", 1, 0.7), memory("SMP, channels_last")],
    warmUp: 2,
  },
  {
    name: "plain-unet-step",
    about: "plain UNet step (four blocks, no skips, one class) on a cached 64x64x256 embedding -> 1024x1024",
    ours: { file: "ours/plain-unet.ts" },
    peers: {
      "torch, channels_last": { file: "peers/plain_unet.py" },
      "torch, default layout": { file: "peers/plain_unet.py", args: ["--layout", "default"] },
      "tfjs-node, eager": { file: "peers/plain-unet-tfjs.mjs" },
    },
    goals: [
      time("torch, channels_last", 1, 0.7),
      time("torch, default layout"),
      time("tfjs-node, eager", 0.6, 0.4),
      memory("torch, channels_last"),
      memory("tfjs-node, eager"),
    ],
    warmUp: 2,
  },
  {
    name: "help",
    about: "seg --help, whole process",
    ours: { file: "ours/help.ts" },
    peers: { "node -e 0": { file: "ours/help.ts", args: ["--command", "bare"] } },
    goals: [{ what: "time", of: seconds, unit: "s", target: 0.2, aim: 0.1 }, time("node -e 0")],
    samples: 15,
  },
  {
    name: "first-step",
    about: "seg train to its first step (SAM ViT-B from a file, embeddings cached, UNet, batch 1)",
    ours: { file: "ours/first-step.ts" },
    peers: {},
    goals: [
      { what: "time to the step's line in metrics.jsonl", of: seconds, unit: "s", target: 8, aim: 4 },
      { what: "of it before the step began", of: figure("before"), unit: "s" },
      { what: "peak memory", of: peak, unit: "GiB" },
    ],
    rounds: 1,
  },
  {
    name: "encoder-int8",
    about: "SAM ViT-B encoder, one 1024 image, int8",
    ours: { file: "ours/predictor.ts", args: ["--part", "encode", "--precision", "int8"] },
    peers: {
      "transformers, SDPA, fp32": { file: "peers/encoder.py" },
      fidelity: { file: "ours/int8-fidelity.ts" },
    },
    goals: [
      time("transformers, SDPA, fp32", 0.4, 0.3),
      memory("transformers, SDPA, fp32"),
      { what: "cosine to fp32", side: "fidelity", of: figure("cosine"), unit: "", target: 0.999, atLeast: true },
    ],
  },
  {
    name: "cached-epoch",
    about: "epoch over cached SAM ViT-B embeddings, UNet, batch 2 (seg train)",
    ours: { file: "ours/cached-epoch.ts" },
    peers: {},
    goals: [
      { what: "time outside the model, a step", of: figure("outside"), unit: "%", target: 10, aim: 3 },
      { what: "seconds a step", of: seconds, unit: "s" },
    ],
    rounds: 1,
  },
  predicting("resnet18", 32),
  predicting("sam-vit-b", 32),
  tuning("full", "SAM ViT-B fine-tuned whole, one 1024 image, UNet", "torch, checkpointing", [1, 0.8], [10, 6]),
  tuning("lora", "LoRA (rank 8, qkv) on SAM ViT-B, the same", "peft, checkpointing", [1, 0.7], [8, 5]),
];

/** A folder of photos through `seg predict`. */
function predicting(encoder: string, photos: number): Row {
  return {
    name: `predict-${encoder}`,
    about: `seg predict over ${photos} photos of 1024 x 768, ${encoder} + UNet`,
    ours: { file: "ours/predict-folder.ts", args: ["--encoder", encoder, "--photos", String(photos)] },
    peers: {},
    goals: [
      { what: "time outside the model, whole process", of: figure("outside"), unit: "%", target: 10, aim: 3 },
      { what: "the same, first photo to last", of: figure("between"), unit: "%", target: 10, aim: 3 },
      { what: "seconds of the process", of: seconds, unit: "s" },
    ],
    ...{ rounds: 1, warmUp: 0, samples: 5 },
  };
}

/** Target and aim of the time ratio and of our own peak in GiB. */
function tuning(tune: string, about: string, peer: string, ratio: [number, number], limit: [number, number]): Row {
  const step = ["--encoder", "sam-vit-b", "--tune", tune, "--size", "1024", "--batch", "1"];
  return {
    ...{ name: `sam-${tune}`, about, slow: true, samples: 5 },
    ours: { file: "ours/step.ts", args: step },
    peers: { [peer]: { file: "peers/sam_tune.py", args: ["--tune", tune] } },
    goals: [
      time(peer, ...ratio),
      { what: "peak memory", of: peak, unit: "GiB", target: limit[0], aim: limit[1] },
      memory(peer),
    ],
  };
}
