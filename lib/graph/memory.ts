/** The memory planner: one arena for all values that live only within a step, reused by liveness. */
import { opDefinition } from '../ops/list.js'
import type { Graph, Node, Stage, ValueId } from './graph.js'
import { resolveAlias } from './simplify.js'

/** Every piece of the arena begins at a multiple of this: a cache line, and an AVX-512 vector. */
const alignment = 64

/** The stages in the order in which they run. */
export const stages: readonly Stage[] = ['prologue', 'body', 'epilogue']

/** Where the arena's values and workspaces are. */
export interface MemoryPlan {
  readonly arenaBytes: number
  /** For each value with memory of its own in the arena, its offset. */
  readonly offsets: ReadonlyMap<ValueId, number>
  /** For each node with a workspace, its offset. */
  readonly workspaces: ReadonlyMap<Node, number>
}

/** A piece of memory and the nodes (by position) from `first` to `last` between which it must keep its content. */
interface Block {
  readonly bytes: number
  first: number
  last: number
}

/**
 * Plans the arena.
 *
 * @param graph its nodes are ordered by stage
 * @param byteLengths bytes of each value
 * @param workspaceBytes bytes of each node's workspace
 * @param elsewhere values with memory outside of the arena, besides the graph's inputs and outputs
 */
export function planMemory(
  graph: Graph,
  byteLengths: (id: ValueId) => number,
  workspaceBytes: (node: Node) => number,
  elsewhere: Iterable<ValueId> = [],
): MemoryPlan {
  const external = new Set([...graph.inputs, ...graph.outputs, ...elsewhere])
  const blocks = new Map<ValueId, Block>()
  const blockOf = (id: ValueId): Block | undefined => blocks.get(resolveAlias(graph.values, id).base)

  const touch = (id: ValueId, position: number): void => {
    const { base } = resolveAlias(graph.values, id)
    if (external.has(base)) return
    const block = blocks.get(base)
    if (block) block.last = Math.max(block.last, position)
    else blocks.set(base, { bytes: byteLengths(base), first: position, last: position })
  }
  graph.nodes.forEach((node, position) => {
    for (const id of [...node.inputs, ...node.outputs]) touch(id, position)
  })

  // The body runs many times: what comes into it from the prologue must outlive its last node.
  const body = stageRange(graph.nodes, 'body')
  for (const block of blocks.values()) {
    if (block.first < body.first && block.last >= body.first) block.last = Math.max(block.last, body.last)
  }

  graph.nodes.forEach((node, position) => {
    const [input, output] = [node.inputs[0], node.outputs[0]]
    if (!opDefinition(node.op).inPlace || input === undefined || output === undefined) return
    const [from, to] = [blockOf(input), blockOf(output)]
    if (!from || !to || from === to || from.last !== position || to.first !== position) return
    // The next repetition reads it again.
    if (node.stage === 'body' && from.first < body.first) return
    // Of a larger piece only a part would be in place.
    if ([from.bytes, to.bytes, byteLengths(output)].some((bytes) => bytes !== byteLengths(input))) return
    if (node.inputs.slice(1).some((id) => blockOf(id) === from)) return
    from.last = to.last
    blocks.set(resolveAlias(graph.values, output).base, from)
  })

  const workspaces = new Map<Node, Block>()
  graph.nodes.forEach((node, position) => {
    const bytes = workspaceBytes(node)
    if (bytes > 0) workspaces.set(node, { bytes, first: position, last: position })
  })

  const placed = placeBlocks([...new Set(blocks.values()), ...workspaces.values()])
  const offsetOf = (block: Block): number => placed.get(block)!
  return {
    arenaBytes: Math.max(0, ...[...placed].map(([block, offset]) => offset + align(block.bytes))),
    offsets: new Map([...blocks].map(([id, block]) => [id, offsetOf(block)])),
    workspaces: new Map([...workspaces].map(([node, block]) => [node, offsetOf(block)])),
  }
}

/** Largest first, each at the lowest offset where it overlaps no block that lives at the same time. */
function placeBlocks(blocks: readonly Block[]): Map<Block, number> {
  const placed = new Map<Block, number>()
  for (const block of [...blocks].sort((a, b) => b.bytes - a.bytes || a.first - b.first)) {
    const neighbours = [...placed]
      .filter(([other]) => other.first <= block.last && block.first <= other.last)
      .sort(([, a], [, b]) => a - b)
    let offset = 0
    for (const [other, start] of neighbours) {
      if (offset + align(block.bytes) <= start) break
      offset = Math.max(offset, start + align(other.bytes))
    }
    placed.set(block, offset)
  }
  return placed
}

function stageRange(nodes: readonly Node[], stage: Stage): { first: number; last: number } {
  const first = nodes.findIndex((node) => node.stage === stage)
  return first < 0 ? { first: Infinity, last: -1 } : { first, last: nodes.findLastIndex((node) => node.stage === stage) }
}

/** The least multiple of the alignment of at least so many bytes. */
export function align(bytes: number): number {
  return Math.ceil(bytes / alignment) * alignment
}
