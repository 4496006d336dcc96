/** Differentiation, graph to graph: what is computed, and what is not. */
import { describe, expect, test } from '@jest/globals'
import { OptionError } from '../../lib/errors.js'
import { differentiate } from '../../lib/graph/differentiate.js'
import { simplify } from '../../lib/graph/simplify.js'
import { GraphBuilder, type Tracer } from '../../lib/graph/trace.js'
import { add } from '../../lib/ops/add.js'
import { conv2d } from '../../lib/ops/conv2d.js'
import { crossEntropy } from '../../lib/ops/crossEntropy.js'
import { dropout } from '../../lib/ops/dropout.js'
import { maxPool2d } from '../../lib/ops/maxPool2d.js'
import { relu } from '../../lib/ops/relu.js'
import { scaleOp } from '../../lib/ops/scale.js'

const float = (builder: GraphBuilder, ...shape: number[]): Tracer => builder.input({ shape, dtype: 'float32' })

/** The ops of the gradients alone. */
function opsOf(builder: GraphBuilder, forward: number, gradients: readonly (Tracer | undefined)[]): string[] {
  const outputs = gradients.filter((gradient) => gradient !== undefined)
  const kept = new Set(simplify(builder.build(outputs)).nodes.flatMap(({ outputs: ids }) => ids))
  return builder.nodes.slice(forward).flatMap(({ op, outputs: ids }) => (ids.some((id) => kept.has(id)) ? [op] : []))
}

/** Two convolutions with a ReLU between them. */
function network(builder: GraphBuilder) {
  const x = float(builder, 2, 3, 6, 6)
  const [w1, b1] = [float(builder, 4, 3, 3, 3), float(builder, 4)]
  const [w2, b2] = [float(builder, 5, 4, 3, 3), float(builder, 5)]
  const hidden = relu(conv2d(x, w1, b1))
  const y = conv2d(hidden, w2, b2)
  return { x, w1, b1, w2, b2, y, dy: float(builder, ...y.shape), forward: builder.nodes.length }
}

test('gradients have the shapes of what they are of, one kernel for a weight and its bias', () => {
  const builder = new GraphBuilder()
  const { x, w1, b1, w2, b2, y, dy, forward } = network(builder)
  const wanted = [x, w1, b1, w2, b2]
  const gradients = differentiate(builder, [[y, dy]], wanted)
  expect(gradients.map((gradient) => gradient?.shape)).toEqual(wanted.map(({ shape }) => shape))
  expect(opsOf(builder, forward, gradients)).toEqual([
    'conv2dBackwardData',
    'conv2dBackwardWeights',
    'reluBackward',
    'conv2dBackwardData',
    'conv2dBackwardWeights',
  ])
})

test('what is not wanted is not computed', () => {
  const builder = new GraphBuilder()
  const { w1, y, dy, forward } = network(builder)
  const gradients = differentiate(builder, [[y, dy]], [w1])
  expect(builder.nodes.slice(forward).map(({ op }) => op)).toEqual([
    'conv2dBackwardData',
    'reluBackward',
    'conv2dBackwardWeights',
  ])
  expect(gradients.map((gradient) => gradient?.shape)).toEqual([[4, 3, 3, 3]])

  const last = new GraphBuilder()
  const deep = network(last)
  differentiate(last, [[deep.y, deep.dy]], [deep.w2])
  expect(last.nodes.slice(deep.forward).map(({ op }) => op)).toEqual(['conv2dBackwardWeights'])
})

test('what does not depend on a value has no gradient', () => {
  const builder = new GraphBuilder()
  const [a, b] = [float(builder, 2, 3), float(builder, 2, 3)]
  const [y, z] = [relu(a), relu(b)]
  const dy = float(builder, 2, 3)
  const [da, db, dz] = differentiate(builder, [[y, dy]], [a, b, z])
  expect(da?.shape).toEqual([2, 3])
  expect([db, dz]).toEqual([undefined, undefined])
})

test('the gradient of a value that is itself an output is its cotangent', () => {
  const builder = new GraphBuilder()
  const [x, dx] = [float(builder, 2, 3), float(builder, 2, 3)]
  expect(differentiate(builder, [[x, dx]], [x])[0]?.id).toBe(dx.id)
  expect(builder.nodes).toEqual([])
})

test('gradients of all uses, and cotangents of all outputs, are added', () => {
  const builder = new GraphBuilder()
  const x = float(builder, 2, 3)
  const y = relu(x)
  const [dy, dz] = [float(builder, 2, 3), float(builder, 2, 3)]
  const z = add(y, y)
  const forward = builder.nodes.length
  const gradients = differentiate(
    builder,
    [
      [y, dy],
      [z, dz],
    ],
    [x],
  )
  // dy + dz + dz
  expect(opsOf(builder, forward, gradients)).toEqual(['add', 'add', 'reluBackward'])
})

test('dropout’s gradient is the same dropout', () => {
  const builder = new GraphBuilder()
  const [x, dy] = [float(builder, 2, 3), float(builder, 2, 3)]
  const counters = builder.input({ shape: [4], dtype: 'int64' })
  const y = dropout(x, { p: 0.25, seed: 5, use: 2, counters })
  differentiate(builder, [[y, dy]], [x])
  const [forward, backward] = builder.nodes
  expect(backward).toMatchObject({ op: 'dropout', attributes: forward!.attributes, inputs: [dy.id, counters.id] })
})

test('the loss has a gradient with respect to the logits, and its labels have none', () => {
  const builder = new GraphBuilder()
  const logits = float(builder, 4, 3)
  const labels = builder.input({ shape: [4], dtype: 'int32' })
  const dloss = float(builder, 1)
  const [dlogits, dlabels] = differentiate(builder, [[crossEntropy(logits, labels), dloss]], [logits, labels])
  expect(dlogits?.shape).toEqual([4, 3])
  expect(dlabels).toBeUndefined()
})

describe('modules', () => {
  test('own the nodes of their gradients', () => {
    const builder = new GraphBuilder()
    const x = float(builder, 2, 3, 6, 6)
    builder.scope = 'first'
    const y = relu(x)
    builder.scope = 'second'
    const z = maxPool2d(y, 2)
    builder.scope = 'outside'
    differentiate(builder, [[z, float(builder, ...z.shape)]], [x])
    expect(builder.nodes.map(({ op, scope }) => `${scope}: ${op}`)).toEqual([
      'first: relu',
      'second: maxPool2d',
      'second: maxPool2dBackward',
      'first: reluBackward',
    ])
    expect(builder.scope).toBe('outside')
  })
})

test('an op without a derivative is named, but only if its gradient is wanted', () => {
  const builder = new GraphBuilder()
  const [x, s, dy] = [float(builder, 2, 3), float(builder, 1), float(builder, 2, 3)]
  const y = x.apply(scaleOp, {}, [relu(x), s])
  expect(() => differentiate(builder, [[y, dy]], [x])).toThrow(OptionError)
  expect(() => differentiate(builder, [[y, dy]], [x])).toThrow('scale has no derivative')
  expect(differentiate(builder, [[y, dy]], [dy])).toEqual([undefined])
})
