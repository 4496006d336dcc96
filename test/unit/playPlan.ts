/** Plays a memory plan through on memory in which every byte knows who wrote it. */
import { byteLength, type Graph, type Node, type ValueId } from '../../lib/graph/graph.js'
import { stages, type MemoryPlan } from '../../lib/graph/memory.js'
import { resolveAlias } from '../../lib/graph/simplify.js'
import { opDefinition } from '../../lib/ops/list.js'

/** A range of bytes of the arena. */
interface Range {
  readonly first: number
  readonly last: number
}

const overlap = (a: Range, b: Range): boolean => a.first <= b.last && b.first <= a.last
const same = (a: Range, b: Range): boolean => a.first === b.first && a.last === b.last

/**
 * Runs the prologue, the body three times and the epilogue. Throws if a node would find other bytes than were written for it,
 * or write where it must not.
 */
export function playPlan(
  graph: Graph,
  workspaceBytes: (node: Node) => number,
  { arenaBytes, offsets, workspaces }: MemoryPlan,
): void {
  const arena = new Int32Array(arenaBytes).fill(-1)
  // What each value would hold if all had memory of their own.
  const ideal = new Map<ValueId, Int32Array>()
  const idealOf = (base: ValueId): Int32Array => {
    const known = ideal.get(base) ?? new Int32Array(byteLength(graph.values[base]!)).fill(-1)
    ideal.set(base, known)
    return known
  }
  const whereIs = (id: ValueId): { base: ValueId; begin: number; range: Range | undefined } => {
    const { base, byteOffset } = resolveAlias(graph.values, id)
    const offset = offsets.get(base)
    const first = (offset ?? 0) + byteOffset
    const range = offset === undefined ? undefined : { first, last: first + byteLength(graph.values[id]!) - 1 }
    return { base, begin: byteOffset, range }
  }
  let stamp = 0
  const run = (node: Node): void => {
    const fail = (what: string): never => {
      throw new Error(`node ${String(graph.nodes.indexOf(node))}, ${node.op}: ${what}`)
    }
    const inputs = node.inputs.map(whereIs)
    const outputs = node.outputs.map(whereIs)
    const workspace = workspaces.get(node)
    const size = workspaceBytes(node)
    if ((workspace === undefined) !== (size === 0)) fail('it has no workspace, or one too many')
    const scratch = workspace === undefined ? [] : [{ first: workspace, last: workspace + size - 1 }]
    const writes = [...outputs.flatMap(({ range }) => range ?? []), ...scratch]
    const reads = inputs.flatMap(({ range }) => range ?? [])
    if ([...reads, ...writes].some(({ first, last }) => first < 0 || last >= arenaBytes)) fail('outside of the arena')
    if (writes.some((range, i) => writes.slice(i + 1).some((other) => overlap(range, other)))) {
      fail('two outputs, or an output and the workspace, overlap')
    }
    for (const write of writes) {
      for (const [i, { range }] of inputs.entries()) {
        if (!range || !overlap(range, write)) continue
        const isInPlace = i === 0 && write === outputs[0]?.range && same(range, write)
        if (!isInPlace || !opDefinition(node.op).inPlace) fail(`input ${String(i)} is overwritten too early`)
      }
    }
    for (const [i, { base, begin, range }] of inputs.entries()) {
      if (!range) continue
      const expected = idealOf(base).subarray(begin, begin + range.last - range.first + 1)
      const actual = arena.subarray(range.first, range.last + 1)
      if (expected.some((writer, e) => writer !== actual[e])) fail(`input ${String(i)} was overwritten`)
    }
    for (const { first, last } of scratch) arena.fill(-2, first, last + 1)
    for (const [i, { base, begin, range }] of outputs.entries()) {
      stamp++
      idealOf(base).fill(stamp, begin, begin + byteLength(graph.values[node.outputs[i]!]!))
      if (range) arena.fill(stamp, range.first, range.last + 1)
    }
  }
  for (const stage of stages) {
    for (let repeat = 0; repeat < (stage === 'body' ? 3 : 1); repeat++) {
      graph.nodes.filter((node) => node.stage === stage).forEach(run)
    }
  }
}
