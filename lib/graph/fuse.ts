/** Fusion: neighbours that a backend has one kernel for become one node. */
import type { NativeAddon } from '../native/binding.js'
import type { Graph, Node, ValueId } from './graph.js'

/** `consumer` becomes the attribute of the `producer` whose output only it reads. */
interface Pattern {
  readonly producer: string
  readonly consumer: string
  readonly attribute: string
}

const activation: readonly Pattern[] = [
  { producer: 'conv2d', consumer: 'relu', attribute: 'relu' },
  { producer: 'linear', consumer: 'relu', attribute: 'relu' },
]

/** What each backend fuses. */
const patterns: Readonly<Record<NativeAddon['backend'], readonly Pattern[]>> = {
  onednn: activation,
  cudnn: activation,
}

/** Applies the backend's patterns, from the first node to the last. */
export function fuse(graph: Graph, backend: NativeAddon['backend']): Graph {
  const readers = new Map<ValueId, Node[]>()
  for (const node of graph.nodes) {
    for (const id of node.inputs) readers.set(id, [...(readers.get(id) ?? []), node])
  }
  // What leaves the graph, is seen through a view, or lies in a place of its own is not only between two nodes.
  const elsewhere = new Set([
    ...graph.outputs,
    ...graph.values.flatMap((value, id) => (value.alias ? [value.alias.base, id] : [])),
  ])

  const absorbed = new Set<Node>()
  const nodes: Node[] = []
  for (const node of graph.nodes) {
    if (absorbed.has(node)) continue
    const output = node.outputs[0]
    const [consumer, ...others] = output === undefined ? [] : (readers.get(output) ?? [])
    const pattern = patterns[backend].find(
      ({ producer, consumer: op, attribute }) =>
        producer === node.op && op === consumer?.op && node.attributes[attribute] === false,
    )
    if (!pattern || !consumer || others.length > 0 || elsewhere.has(output!)) {
      nodes.push(node)
      continue
    }
    absorbed.add(consumer)
    nodes.push({
      ...node,
      attributes: { ...node.attributes, [pattern.attribute]: true },
      outputs: consumer.outputs,
    })
  }
  return { ...graph, nodes }
}
