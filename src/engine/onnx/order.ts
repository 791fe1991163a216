/**
 * @file The order in which ONNX Runtime runs nodes: depth first from the last node nobody reads, at every node the input that was made last first.
 * Source: microsoft/onnxruntime, onnxruntime/core/graph/graph_viewer.cc and Graph::ReverseDFSFrom (execution order DEFAULT).
 */
import type { EmittedNode } from "./shapes.js";

/** The nodes as they run. `nodes`: in the model's order. */
export function executionOrder(nodes: readonly EmittedNode[]): EmittedNode[] {
  const makers = new Map(nodes.flatMap((node, i) => node.outputs.map((name) => [name, i] as const)));
  const before = nodes.map(({ inputs }) =>
    [...new Set(inputs.flatMap((name) => makers.get(name) ?? []))].sort(ascending),
  );
  const isRead = new Set(before.flat());
  const stack = nodes.flatMap((_, i) => (isRead.has(i) ? [] : [{ at: i, isDone: false }]));
  const seen = new Set<number>();
  const order: EmittedNode[] = [];
  for (let entry = stack.pop(); entry; entry = stack.pop()) {
    const { at, isDone } = entry;
    if (isDone) order.push(nodes[at]);
    if (isDone || seen.has(at)) continue;
    seen.add(at);
    stack.push({ at, isDone: true }, ...before[at].map((i) => ({ at: i, isDone: false })));
  }
  return order;
}

const ascending = (a: number, b: number) => a - b;
