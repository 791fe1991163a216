/**
 * @file What ONNX Runtime makes of convolutions with constant weights: they run in blocks of channels, norms behind them are folded into the weights,
 * and maps are turned from layout to layout where an op has no such version. Source: microsoft/onnxruntime,
 * onnxruntime/core/optimizer/nchwc_transformer.cc and conv_bn_fusion.cc; here only as far as buffers go.
 */
import type { EmittedNode, ValueInfo } from "./shapes.js";

/** What is known of the values; shapes of new ones are added to `infos`. */
export interface Values {
  readonly infos: Map<string, ValueInfo>;
  /** Values that are computed when the model is loaded. */
  readonly fixed: ReadonlySet<string>;
  /** Channels a block; 0: there are none. */
  readonly block: number;
}

/** Ops that also run in blocks, where all of their maps are in blocks. */
const FOLLOWERS = new Set(
  "Relu Clip Sigmoid Tanh Add Sum Mul Concat MaxPool AveragePool GlobalAveragePool Resize".split(" "),
);

/** The nodes with the reorderings the runtime adds, without the norms it folds away. */
export function inRuntimeLayout(nodes: readonly EmittedNode[], values: Values): EmittedNode[] {
  return values.block > 0 ? new Layout(nodes, values).made : [...nodes];
}

class Layout {
  readonly made: EmittedNode[] = [];
  private readonly blocked = new Map<string, string>(); // maps in NCHW and in blocks
  private readonly plain = new Set<string>(); // those of them that are also written out in NCHW
  private readonly folded = new Map<string, string>();
  private readonly makers = new Map<string, EmittedNode>();
  private readonly readers = new Map<string, number>();

  constructor(
    nodes: readonly EmittedNode[],
    private readonly values: Values,
  ) {
    for (const name of nodes.flatMap(({ inputs }) => inputs)) this.readers.set(name, (this.readers.get(name) ?? 0) + 1);
    for (const node of nodes) this.visit({ ...node, inputs: node.inputs.map((name) => this.folded.get(name) ?? name) });
    const unread = [...this.blocked.keys()].filter((name) => !this.readers.has(name));
    for (const name of unread) this.writeOut(name); // results
  }

  private visit(node: EmittedNode): void {
    const [output] = node.outputs;
    this.makers.set(output, node);
    if (this.isFolded(node)) {
      this.folded.set(output, node.inputs[0]);
    } else if (this.isBlockedConv(node)) {
      const reads = this.channelsOf(node.inputs[0]) >= this.values.block;
      const map = reads ? this.toBlocks(node.inputs[0]) : this.writeOut(node.inputs[0]);
      this.make({ ...node, domain: "blocked", inputs: [map, ...node.inputs.slice(1)] });
    } else if (FOLLOWERS.has(node.type) && this.areBlocked(node)) {
      this.make({ ...node, inputs: node.inputs.map((name) => this.blocked.get(name) ?? name) });
    } else {
      this.made.push({ ...node, inputs: node.inputs.map((name) => this.writeOut(name)) });
    }
  }

  private channelsOf(name: string): number {
    return this.values.infos.get(name)?.shape[1] ?? 0;
  }

  /** A norm of constants whose convolution nobody else reads. */
  private isFolded({ type, inputs: [x, ...statistics] }: EmittedNode): boolean {
    const maker = type === "BatchNormalization" ? this.makers.get(x) : undefined;
    return (
      maker?.type === "Conv" && this.readers.get(x) === 1 && statistics.every((name) => this.values.fixed.has(name))
    );
  }

  private isBlockedConv({ type, domain, inputs: [x, filters], attributes }: EmittedNode): boolean {
    const { block, fixed, infos } = this.values;
    if (type !== "Conv" || domain !== "" || !fixed.has(filters)) return false;
    const [to, from] = infos.get(filters)?.shape ?? [0, 0];
    const group = (attributes.group as number | undefined) ?? 1;
    if (group === 1) return from < block || from % 4 === 0;
    return (from === 1 && to === group && this.channelsOf(x) % block === 0) || (from % block === 0 && to % block === 0);
  }

  private areBlocked({ type, inputs }: EmittedNode): boolean {
    const maps = type === "Resize" ? inputs.slice(0, 1) : inputs;
    const isWhole = type !== "Concat" || maps.every((name) => this.channelsOf(name) % this.values.block === 0);
    return isWhole && maps.every((name) => this.blocked.has(name));
  }

  /** A node whose output is in blocks. */
  private make(node: EmittedNode): void {
    const [output] = node.outputs;
    const name = this.inBlocks(output);
    this.blocked.set(output, name);
    this.made.push({ ...node, outputs: [name, ...node.outputs.slice(1)] });
  }

  /** A name for a map in blocks, with its shape. */
  private inBlocks(name: string): string {
    const { infos, block } = this.values;
    const { shape, bytes } = infos.get(name) as ValueInfo;
    const [B, C, ...sides] = shape;
    infos.set(`${name}/blocks`, { shape: [B, Math.ceil(C / block) * block, ...sides], bytes });
    return `${name}/blocks`;
  }

  private toBlocks(name: string): string {
    const known = this.blocked.get(name);
    if (known !== undefined) return known;
    const blocked = this.inBlocks(name);
    this.made.push({ type: "ReorderInput", inputs: [name], outputs: [blocked], attributes: {}, domain: "blocked" });
    this.blocked.set(name, blocked);
    this.plain.add(name);
    return blocked;
  }

  /** The same map in NCHW: written out once where it is only in blocks. */
  private writeOut(name: string): string {
    const blocked = this.blocked.get(name);
    if (blocked === undefined || this.plain.has(name)) return name;
    this.made.push({ type: "ReorderOutput", inputs: [blocked], outputs: [name], attributes: {}, domain: "blocked" });
    this.plain.add(name);
    return name;
  }
}
