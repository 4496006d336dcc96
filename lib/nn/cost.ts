/** What a graph costs on a device, in all and by module. */
import { guardAsync, type Device } from '../device.js'
import { compile, type CompiledGraph } from '../graph/compile.js'
import { mutated } from '../graph/fuse.js'
import { byteLength, type Graph, type Node, type TensorSpec, type ValueId } from '../graph/graph.js'
import { resolveAlias } from '../graph/simplify.js'
import { opDefinition, packOp } from '../ops/list.js'

/** The cost of a module for one input batch. */
export interface Cost {
  /** Floating-point operations; a multiply-add counts as two. */
  readonly flops: number
  /** Bytes. */
  readonly memory: number
}

/** A compiled graph and its cost. */
export interface Costs {
  readonly compiled: CompiledGraph
  /** The FLOPs of a module's nodes, and how much of the arena their outputs and workspaces occupy. */
  readonly of: (path: string) => Cost
}

/**
 * Compiles a graph to find out what it costs.
 *
 * @param repeat how often the body runs
 */
export async function costsOf(device: Device, source: Graph, repeat: number): Promise<Costs> {
  const compiled = await guardAsync(() => compile(source, device.backend, device.native, { repeat }))
  const of = (path: string): Cost => {
    const isOwn = (node: Node): boolean => isWithin(node.scope, path)
    const nodes = compiled.graph.nodes.filter(isOwn)
    const flops = nodes.map((node) => flopsOf(compiled.graph, node) * (node.stage === 'body' ? repeat : 1))
    const ranges = nodes.flatMap((node) => arenaRanges(compiled, node))
    return { flops: sum(flops), memory: unionLength(ranges) }
  }
  return { compiled, of }
}

/** Whether a path is `ancestor` or below it. All are below the empty path. */
export function isWithin(path: string, ancestor: string): boolean {
  return ancestor === '' || path === ancestor || path.startsWith(`${ancestor}.`)
}

/** The sum of numbers. */
export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

/** The FLOPs of one node; a multiply-add is two. */
export function flopsOf(graph: Graph, { op, inputs, outputs, attributes }: Node): number {
  // Packed weights have lost their shape.
  const unpacked = (id: ValueId): ValueId => {
    return graph.nodes.find((node) => node.op === packOp.name && node.outputs[0] === id)?.inputs[0] ?? id
  }
  return opDefinition(op).flops?.(specs(graph, inputs.map(unpacked)), specs(graph, outputs), attributes) ?? 0
}

/** The bytes that one node must at least read and write. */
export function bytesOf(graph: Graph, node: Node): number {
  const { attributes } = node
  const definition = opDefinition(node.op)
  const [read, written, updated] = [specs(graph, node.inputs), specs(graph, node.outputs), specs(graph, mutated(node))]
  if (definition.bytes) return definition.bytes(read, written, attributes)
  const addedTo = definition.accumulates && attributes['accumulate'] === true ? written : []
  return sum([...read, ...written, ...updated, ...addedTo].map(byteLength))
}

function specs({ values }: Graph, ids: readonly ValueId[]): TensorSpec[] {
  return ids.map((id) => values[id]!)
}

/** A half-open range of bytes. */
type Range = readonly [number, number]

/** The parts of the arena that a node writes: its outputs and its workspace. */
function arenaRanges(compiled: CompiledGraph, node: Node): Range[] {
  const { graph, memory } = compiled
  const outputs = node.outputs.flatMap((id): Range[] => {
    const { base, byteOffset } = resolveAlias(graph.values, id)
    const offset = memory.offsets.get(base)
    if (offset === undefined) return []
    return [[offset + byteOffset, offset + byteOffset + compiled.byteLengthOf(id)]]
  })
  const workspace = memory.workspaces.get(node)
  if (workspace === undefined) return outputs
  return [...outputs, [workspace, workspace + compiled.workspaceBytesOf(node)]]
}

/** The bytes that ranges cover together. */
function unionLength(ranges: readonly Range[]): number {
  let [covered, end] = [0, 0]
  for (const [first, last] of [...ranges].sort(([a], [b]) => a - b)) {
    covered += Math.max(0, last - Math.max(first, end))
    end = Math.max(end, last)
  }
  return covered
}
