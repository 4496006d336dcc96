/** Fusion: neighbours that a backend has one kernel for become one node. */
import type { NativeAddon } from '../native/binding.js'
import { opDefinition } from '../ops/list.js'
import type { Graph, Node, ValueId } from './graph.js'
import { resolveAlias } from './simplify.js'

/**
 * `consumer` becomes the attribute of the `producer`, whose output is its first input and nobody else's. What else it reads
 * follows the producer's inputs.
 */
interface Pattern {
  readonly producer: string
  readonly consumer: string
  readonly attribute: string
}

const activation: readonly Pattern[] = [
  { producer: 'conv2d', consumer: 'relu', attribute: 'relu' },
  { producer: 'linear', consumer: 'relu', attribute: 'relu' },
  { producer: 'conv2dBackwardData', consumer: 'reluBackward', attribute: 'relu' },
  { producer: 'linearBackwardData', consumer: 'reluBackward', attribute: 'relu' },
  { producer: 'maxPool2dBackward', consumer: 'reluBackward', attribute: 'relu' },
  { producer: 'avgPool2dBackward', consumer: 'reluBackward', attribute: 'relu' },
]

/** What each backend fuses. */
const patterns: Readonly<Record<NativeAddon['backend'], readonly Pattern[]>> = {
  onednn: activation,
  cudnn: activation,
}

/** Applies the backend's patterns, from the first node to the last. */
export function fuse(graph: Graph, backend: NativeAddon['backend']): Graph {
  const baseOf = (id: ValueId): ValueId => resolveAlias(graph.values, id).base
  const readers = new Map<ValueId, Node[]>()
  for (const node of graph.nodes) {
    for (const id of node.inputs) readers.set(id, [...(readers.get(id) ?? []), node])
  }
  // What leaves the graph, is seen through a view, or lies in a place of its own is not only between two nodes.
  const elsewhere = new Set([
    ...graph.outputs,
    ...graph.values.flatMap((value, id) => (value.alias ? [value.alias.base, id] : [])),
  ])
  /** Whether the producer may read at its place what the consumer reads at its own: nothing writes it in between. */
  const isThere = (ids: readonly ValueId[], producer: Node, consumer: Node): boolean => {
    const bases = new Set(ids.map(baseOf))
    const between = graph.nodes.slice(graph.nodes.indexOf(producer), graph.nodes.indexOf(consumer))
    return between.flatMap(written).every((id) => !bases.has(baseOf(id)))
  }
  /** The only reader of a node's first output, if it is the consumer of a pattern; and the pattern. */
  const match = (node: Node): { pattern: Pattern; consumer: Node } | undefined => {
    const output = node.outputs[0]
    const [consumer, ...others] = output === undefined ? [] : (readers.get(output) ?? [])
    if (output === undefined || !consumer || others.length > 0 || elsewhere.has(output)) return undefined
    const pattern = patterns[backend].find(
      ({ producer, consumer: op, attribute }) =>
        producer === node.op && op === consumer.op && node.attributes[attribute] === false,
    )
    const [first, ...rest] = consumer.inputs
    // What has a place of its own must not be written before its time.
    const isPlaced = consumer.outputs.some((id) => graph.values[id]!.alias !== undefined)
    if (!pattern || first !== output || consumer.stage !== node.stage || isPlaced) return undefined
    return isThere(rest, node, consumer) ? { pattern, consumer } : undefined
  }

  const absorbed = new Set<Node>()
  const nodes = graph.nodes.flatMap((node): Node[] => {
    if (absorbed.has(node)) return []
    const found = match(node)
    if (!found) return [node]
    const { pattern, consumer } = found
    absorbed.add(consumer)
    return [
      {
        ...node,
        attributes: { ...node.attributes, [pattern.attribute]: true },
        inputs: [...node.inputs, ...consumer.inputs.slice(1)],
        outputs: consumer.outputs,
      },
    ]
  })
  return { ...graph, nodes }
}

/** The values that a node writes. */
export function written(node: Node): ValueId[] {
  return [...node.outputs, ...mutated(node)]
}

/** The values that a node reads and writes. */
export function mutated({ op, inputs }: Node): ValueId[] {
  return (opDefinition(op).mutates ?? []).map((i) => inputs[i]!)
}
