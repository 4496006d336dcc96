/** Views instead of copies, and no dead code. */
import { describe, expect, test } from '@jest/globals'
import type { Graph } from '../../lib/graph/graph.js'
import { resolveAlias, simplify } from '../../lib/graph/simplify.js'
import { GraphBuilder, type Tracer } from '../../lib/graph/trace.js'
import { add } from '../../lib/ops/add.js'
import { conv2dBackwardWeightsOp } from '../../lib/ops/conv2d.js'
import { fillOp } from '../../lib/ops/fill.js'
import { flatten, unflattenOp } from '../../lib/ops/flatten.js'
import { linear } from '../../lib/ops/linear.js'
import { maxPool2d } from '../../lib/ops/maxPool2d.js'
import { relu, reluOp } from '../../lib/ops/relu.js'
import { advanceOp } from '../../lib/ops/training.js'

const float = (builder: GraphBuilder, ...shape: number[]): Tracer => builder.input({ shape, dtype: 'float32' })

/** The simplified graph of a function of one tensor. */
function simplified(shape: readonly number[], fn: (x: Tracer) => readonly Tracer[]): Graph {
  const builder = new GraphBuilder()
  const x = builder.input({ shape, dtype: 'float32' })
  return simplify(builder.build(fn(x)))
}

const opsOf = (graph: Graph): string[] => graph.nodes.map(({ op }) => op)

describe('flatten and unflatten', () => {
  test.each([
    ['1x1 images', [3, 5, 1, 1]],
    ['one channel', [3, 1, 4, 2]],
    ['rows', [3, 5]],
  ])('move nothing for %s', (_, shape) => {
    const graph = simplified(shape, (x) => [relu(flatten(relu(x)))])
    expect(opsOf(graph)).toEqual(['relu', 'relu'])
    const [first, second] = graph.nodes
    expect(resolveAlias(graph.values, second!.inputs[0]!)).toEqual({ base: first!.outputs[0], byteOffset: 0 })
  })

  test('move images of several channels', () => {
    expect(opsOf(simplified([3, 2, 1, 2], (x) => [relu(flatten(x))]))).toEqual(['flatten', 'relu'])
    expect(opsOf(simplified([3, 2, 2, 1], (x) => [relu(flatten(x))]))).toEqual(['flatten', 'relu'])
  })

  test('a view of a view is one of the whole', () => {
    const inputShape = [2, 3, 1, 1]
    const graph = simplified(inputShape, (x) => {
      const rows = flatten(relu(x))
      return [relu(rows.apply(unflattenOp, { inputShape }, [rows]))]
    })
    expect(opsOf(graph)).toEqual(['relu', 'relu'])
    expect(resolveAlias(graph.values, graph.nodes[1]!.inputs[0]!).base).toBe(graph.nodes[0]!.outputs[0])
  })

  test('of an input are views of it', () => {
    const graph = simplified([3, 5, 1, 1], (x) => [relu(flatten(x))])
    expect(opsOf(graph)).toEqual(['relu'])
    expect(resolveAlias(graph.values, graph.nodes[0]!.inputs[0]!).base).toBe(graph.inputs[0])
  })

  test('that leave the graph are copied to their place', () => {
    expect(opsOf(simplified([3, 5, 1, 1], (x) => [flatten(x)]))).toEqual(['flatten'])
    expect(opsOf(simplified([3, 5, 1, 1], (x) => [relu(flatten(x)), flatten(x)]))).toEqual(['relu', 'flatten'])
  })

  test('that were given a place are copied to it', () => {
    const builder = new GraphBuilder()
    const x = float(builder, 2, 3, 1, 1)
    const place = float(builder, 100)
    const rows = flatten(relu(x))
    builder.place(rows, place, 64)
    expect(opsOf(simplify(builder.build([])))).toEqual(['relu', 'flatten'])
  })
})

describe('dead code', () => {
  test('is dropped, with what only it reads', () => {
    const graph = simplified([2, 3], (x) => {
      relu(relu(add(x, x)))
      return [relu(x)]
    })
    expect(opsOf(graph)).toEqual(['relu'])
  })

  test('is what nobody reads, also if it is a view', () => {
    const graph = simplified([2, 3, 1, 1], (x) => {
      const y = relu(x)
      flatten(y)
      return [y]
    })
    expect(opsOf(graph)).toEqual(['relu'])
    expect(graph.values.every(({ alias }) => alias === undefined)).toBe(true)
  })

  test('is not what writes an input', () => {
    const builder = new GraphBuilder()
    const x = float(builder, 2, 3)
    const place = float(builder, 100)
    builder.place(relu(x), place, 64)
    const counters = builder.input({ shape: [4], dtype: 'int64' })
    builder.apply(advanceOp, { step: 1, samples: 0, cursor: 0 }, [counters])
    expect(opsOf(simplify(builder.build([])))).toEqual(['relu', 'advance'])
  })

  test('is not what writes a part of a value that is read', () => {
    const builder = new GraphBuilder()
    const x = float(builder, 2, 3)
    const [whole] = builder.apply(fillOp, { value: 0, outputShape: [4, 3] }, [])
    const [part] = builder.apply(reluOp, {}, [x])
    builder.place(part!, whole!, 24)
    expect(opsOf(simplify(builder.build([relu(whole!)])))).toEqual(['fill', 'relu', 'relu'])
  })

  test('is not what writes a value of which a part is read', () => {
    const builder = new GraphBuilder()
    const x = float(builder, 4, 3)
    const part = builder.view(relu(x), 24, { shape: [2, 3], dtype: 'float32' })
    expect(opsOf(simplify(builder.build([relu(part)])))).toEqual(['relu', 'relu'])
  })

  test('optional outputs that nobody reads are left out', () => {
    const graph = simplified([2, 3, 6, 6], (x) => [maxPool2d(x, 2)])
    expect(graph.nodes.map(({ outputs }) => outputs.length)).toEqual([1])

    const builder = new GraphBuilder()
    const [x, dy] = [float(builder, 2, 3, 6, 6), float(builder, 2, 4, 4, 4)]
    const attributes = { stride: [1, 1], padding: [0, 0], weightShape: [4, 3, 3, 3], bias: true, accumulate: false }
    const [dw, dbias] = builder.apply(conv2dBackwardWeightsOp, attributes, [x, dy])
    const outputCount = (outputs: readonly Tracer[]): number => simplify(builder.build(outputs)).nodes[0]!.outputs.length
    expect(outputCount([dw!])).toBe(1)
    expect(outputCount([dw!, dbias!])).toBe(2)
    // The first output is not optional.
    expect(outputCount([dbias!])).toBe(2)
  })

  test('inputs stay, and keep their order', () => {
    const builder = new GraphBuilder()
    const [a, b, c] = [float(builder, 2, 3), float(builder, 4, 3), float(builder, 4)]
    linear(a, b, c)
    expect(simplify(builder.build([relu(b)])).inputs).toEqual([a.id, b.id, c.id])
  })
})
