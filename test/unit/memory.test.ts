/** The memory planner: nothing that is still needed is overwritten, and memory is reused. */
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { byteLength, type Graph, type Node, type Stage, type Value, type ValueId } from '../../lib/graph/graph.js'
import { planMemory, stages, type MemoryPlan } from '../../lib/graph/memory.js'
import { opDefinition } from '../../lib/ops/list.js'
import { playPlan } from './playPlan.js'

interface Problem {
  readonly graph: Graph
  readonly workspaceBytes: ReadonlyMap<Node, number>
}

const workspaceOf =
  ({ workspaceBytes }: Problem) =>
  (each: Node): number =>
    workspaceBytes.get(each) ?? 0

const plan = (problem: Problem): MemoryPlan =>
  planMemory(problem.graph, (id) => byteLength(problem.graph.values[id]!), workspaceOf(problem))

const bytes = (size: number): Value => ({ shape: [size], dtype: 'uint8' })

const node = (op: string, inputs: readonly ValueId[], outputs: readonly ValueId[], stage: Stage = 'body'): Node => ({
  op,
  attributes: {},
  inputs,
  outputs,
  stage,
  scope: '',
})

// ---- Random graphs

/** relu and add may work in place, the others may not. */
const ops = [
  { op: 'relu', inputs: 1, outputs: 1 },
  { op: 'add', inputs: 2, outputs: 1 },
  { op: 'conv2dBackwardData', inputs: 2, outputs: 1 },
  { op: 'maxPool2d', inputs: 1, outputs: 2 },
  { op: 'fill', inputs: 0, outputs: 1 },
] as const

/** A few sizes, so that many are equal. */
const sizes = fc.constantFrom(1, 64, 65, 128, 200)

const step = fc.record({
  op: fc.constantFrom(...ops),
  stage: fc.constantFrom(...stages),
  /** Which of the values so far are read, each modulo their number. */
  reads: fc.tuple(fc.nat(), fc.nat()),
  sizes: fc.tuple(sizes, sizes),
  /** What is made of the first output: nothing, a view of all of it, a view of its second half. */
  view: fc.constantFrom('none', 'none', 'whole', 'half'),
  /** Where the first output lies: in memory of its own, in one half of another value, in an input, or it is an output. */
  place: fc.constantFrom('own', 'own', 'own', 'half', 'input', 'output'),
  workspace: fc.oneof(fc.constant(0), sizes),
})

const problems: fc.Arbitrary<Problem> = fc.array(step, { minLength: 1, maxLength: 16 }).map((steps) => {
  const values: Value[] = [bytes(400)]
  const outputs: ValueId[] = []
  const nodes: Node[] = []
  const workspaceBytes = new Map<Node, number>()
  const add = (value: Value): ValueId => values.push(value) - 1
  const written: ValueId[] = [0]
  // A value of which nodes write the two halves.
  let halved: { base: ValueId; size: number } | undefined

  for (const each of stages.flatMap((stage) => steps.filter((drawn) => drawn.stage === stage))) {
    const { op, stage, reads, view, place, workspace } = each
    const inputs = reads.slice(0, op.inputs).map((read) => written[read % written.length]!)
    const inPlace = opDefinition(op.op).inPlace ?? false
    const made = each.sizes.slice(0, op.outputs).map((size, i) => {
      const bytesOf = inPlace ? values[inputs[0]!]!.shape[0]! : size
      if (i > 0 || place === 'own') return add(bytes(bytesOf))
      if (place === 'input') return add({ ...bytes(Math.min(bytesOf, 400)), alias: { base: 0, byteOffset: 0 } })
      if (place === 'output') {
        const id = add(bytes(bytesOf))
        outputs.push(id)
        return id
      }
      const second = halved?.size === bytesOf
      halved = second ? halved : { base: add(bytes(2 * bytesOf)), size: bytesOf }
      const id = add({ ...bytes(bytesOf), alias: { base: halved!.base, byteOffset: second ? bytesOf : 0 } })
      if (second) {
        written.push(halved!.base)
        halved = undefined
      }
      return id
    })
    written.push(...made)
    const [first] = made as [ValueId]
    const size = values[first]!.shape[0]!
    if (view === 'whole') written.push(add({ ...bytes(size), alias: { base: first, byteOffset: 0 } }))
    if (view === 'half' && size > 1) {
      const byteOffset = Math.floor(size / 2)
      written.push(add({ ...bytes(size - byteOffset), alias: { base: first, byteOffset } }))
    }
    const next = node(op.op, inputs, made, stage)
    nodes.push(next)
    workspaceBytes.set(next, workspace)
  }
  const graph = { values, nodes, inputs: [0], outputs }
  return { graph, workspaceBytes, [fc.toStringMethod]: () => fc.stringify(graph) }
})

const aligned = (size: number): number => Math.ceil(size / 64) * 64

describe('the plan of any graph', () => {
  test('keeps every value until its last reader, in all repetitions of the body', () => {
    fc.assert(
      fc.property(problems, (problem) => playPlan(problem.graph, workspaceOf(problem), plan(problem))),
      { numRuns: 3000 },
    )
  })

  test('begins everything at a cache line, and takes no more than all pieces together', () => {
    fc.assert(
      fc.property(problems, (problem) => {
        const { graph, workspaceBytes } = problem
        const { arenaBytes, offsets, workspaces } = plan(problem)
        const external = [...graph.inputs, ...graph.outputs]
        for (const id of offsets.keys()) expect(external).not.toContain(id)
        for (const offset of [...offsets.values(), ...workspaces.values()]) expect(offset % 64).toBe(0)
        const scratch = [...workspaceBytes.values()].reduce((sum, size) => sum + aligned(size), 0)
        const own = [...offsets.keys()].reduce((sum, id) => sum + aligned(byteLength(graph.values[id]!)), 0)
        expect(arenaBytes).toBeLessThanOrEqual(scratch + own)
      }),
    )
  })
})

/** A graph of bytes; value 0 comes from outside, the last one goes there. */
const graphOf = (sizesOf: readonly number[], nodes: readonly Node[]): Problem => ({
  graph: { values: sizesOf.map(bytes), nodes, inputs: [0], outputs: [sizesOf.length - 1] },
  workspaceBytes: new Map(),
})

describe('memory is reused:', () => {
  test('a chain of ops that work in place takes one piece', () => {
    const { arenaBytes, offsets } = plan(
      graphOf([640, 640, 640, 640, 640], [1, 2, 3, 4].map((id) => node('relu', [id - 1], [id]))),
    )
    expect(arenaBytes).toBe(640)
    expect(new Set(offsets.values())).toEqual(new Set([0]))
  })

  test('a chain of ops that do not takes two', () => {
    const chain = [1, 2, 3, 4, 5].map((id) => node('conv2dBackwardData', [id - 1], [id]))
    expect(plan(graphOf([640, 640, 640, 640, 640, 640], chain)).arenaBytes).toBe(2 * 640)
  })

  test('what is read again later is not overwritten', () => {
    const { arenaBytes } = plan(
      graphOf([64, 64, 64, 64], [node('relu', [0], [1]), node('relu', [1], [2]), node('add', [2, 1], [3])]),
    )
    expect(arenaBytes).toBe(2 * 64)
  })

  test('a + a does not work in place', () => {
    const problem = graphOf([64, 64, 64, 64], [node('relu', [0], [1]), node('add', [1, 1], [2]), node('relu', [2], [3])])
    expect(plan(problem).arenaBytes).toBe(2 * 64)
  })

  test('neither inputs nor outputs of the graph are worked on in place', () => {
    const { offsets, arenaBytes } = plan(graphOf([64, 64], [node('relu', [0], [1])]))
    expect(offsets.size).toBe(0)
    expect(arenaBytes).toBe(0)
  })

  test('a workspace takes the place of what is dead', () => {
    const chain = [1, 2, 3].map((id) => node('conv2dBackwardData', [id - 1], [id]))
    const problem = { ...graphOf([640, 640, 640, 640], chain), workspaceBytes: new Map([[chain[2]!, 640]]) }
    const { arenaBytes, workspaces, offsets } = plan(problem)
    expect(arenaBytes).toBe(2 * 640)
    expect(workspaces.get(chain[2]!)).toBe(offsets.get(1))
  })
})

describe('what comes into the body from the prologue', () => {
  test('is there in every repetition', () => {
    const nodes = [
      node('fill', [], [1], 'prologue'),
      node('conv2dBackwardData', [0, 1], [2]),
      node('conv2dBackwardData', [2], [3]),
      node('conv2dBackwardData', [3], [4]),
    ]
    const { offsets } = plan(graphOf([64, 64, 64, 64, 64], nodes))
    expect(offsets.get(3)).not.toBe(offsets.get(1))
  })

  test('is not worked on in place, even by the last node of the body', () => {
    const nodes = [node('fill', [], [1], 'prologue'), node('relu', [1], [2]), node('relu', [2], [3], 'epilogue')]
    const problem = graphOf([64, 64, 64, 64], nodes)
    const { offsets } = plan(problem)
    expect(offsets.get(2)).not.toBe(offsets.get(1))
  })

  test('may be worked on in place within the prologue, and after the body', () => {
    const within = [node('fill', [], [1], 'prologue'), node('relu', [1], [2], 'prologue'), node('relu', [2], [3])]
    expect(plan(graphOf([64, 64, 64, 64], within)).arenaBytes).toBe(64)
    const after = [node('fill', [], [1], 'prologue'), node('relu', [1], [2], 'epilogue'), node('relu', [2], [3], 'epilogue')]
    expect(plan(graphOf([64, 64, 64, 64], after)).arenaBytes).toBe(64)
  })
})
