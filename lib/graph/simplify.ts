/** Drops what nobody reads, and turns copies that change nothing into views. */
import { opDefinition } from '../ops/list.js'
import type { Graph, Node, Value, ValueId } from './graph.js'

/** The value whose memory `id` is in, and where. */
export function resolveAlias(values: readonly Value[], id: ValueId): { base: ValueId; byteOffset: number } {
  let base = id
  let byteOffset = 0
  for (let alias = values[id]?.alias; alias; alias = values[base]?.alias) {
    base = alias.base
    byteOffset += alias.byteOffset
  }
  return { base, byteOffset }
}

/** Whether channels-last and row-major memory of this shape are the same. */
function layoutsAgree(shape: readonly number[]): boolean {
  return shape.length !== 4 || shape[1] === 1 || (shape[2] === 1 && shape[3] === 1)
}

/** Dead nodes and dead optional outputs first, so that there are no views of them. */
export function simplify(graph: Graph): Graph {
  return viewFlattens(prune(graph))
}

/** `flatten` and `unflatten` move nothing where both layouts agree: their output is the input's memory. */
function viewFlattens(graph: Graph): Graph {
  const values = [...graph.values]
  const nodes = graph.nodes.filter((node) => {
    if (node.op !== 'flatten' && node.op !== 'unflatten') return true
    const [input, output] = [node.inputs[0]!, node.outputs[0]!]
    const image = node.op === 'flatten' ? input : output
    const placed = values[output]!.alias !== undefined || graph.outputs.includes(output)
    if (placed || !layoutsAgree(values[image]!.shape)) return true
    values[output] = { ...values[output]!, alias: { base: input, byteOffset: 0 } }
    return false
  })
  return { ...graph, values, nodes }
}

/** Keeps the nodes whose outputs are read, leave the graph, or lie in memory that is, and those that write an input. */
function prune(graph: Graph): Graph {
  const inputs = new Set(graph.inputs)
  const read = new Set<ValueId>(graph.outputs)
  const markRead = (id: ValueId): void => {
    for (let at: ValueId | undefined = id; at !== undefined; at = graph.values[at]?.alias?.base) read.add(at)
  }
  graph.outputs.forEach(markRead)
  const isLive = (id: ValueId): boolean => {
    const { base } = resolveAlias(graph.values, id)
    return read.has(id) || read.has(base) || inputs.has(base)
  }

  const kept: Node[] = []
  for (const node of [...graph.nodes].reverse()) {
    const op = opDefinition(node.op)
    if (!op.mutates && !node.outputs.some(isLive)) continue
    node.inputs.forEach(markRead)
    const optional = op.optionalOutputsFrom ?? node.outputs.length
    const outputs = node.outputs.filter((id, i) => i < optional || isLive(id))
    kept.push({ ...node, outputs })
  }
  return { ...graph, nodes: kept.reverse() }
}
