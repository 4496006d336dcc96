/** Fusion, only where nothing else sees what lies between. */
import { describe, expect, test } from '@jest/globals'
import { differentiate } from '../../lib/graph/differentiate.js'
import { fuse } from '../../lib/graph/fuse.js'
import type { Graph } from '../../lib/graph/graph.js'
import { simplify } from '../../lib/graph/simplify.js'
import { GraphBuilder, type Tracer } from '../../lib/graph/trace.js'
import { add } from '../../lib/ops/add.js'
import { avgPool2d, avgPool2dBackwardOp } from '../../lib/ops/avgPool2d.js'
import { conv2d, conv2dBackwardDataOp } from '../../lib/ops/conv2d.js'
import { flatten } from '../../lib/ops/flatten.js'
import { linear, linearBackwardDataOp } from '../../lib/ops/linear.js'
import { maxPool2d, maxPool2dBackwardOp } from '../../lib/ops/maxPool2d.js'
import { relu, reluBackwardOp } from '../../lib/ops/relu.js'
import { sgdOp } from '../../lib/ops/training.js'

interface Layer {
  readonly apply: (x: Tracer) => Tracer
  readonly x: Tracer
}

/** A layer's function and an input for it. */
const layers = {
  conv2d(builder: GraphBuilder): Layer {
    const [x, w, b] = [[2, 3, 1, 1], [3, 3, 1, 1], [3]].map((shape) => builder.input({ shape, dtype: 'float32' }))
    return { apply: (input) => conv2d(input, w!, b), x: x! }
  },
  linear(builder: GraphBuilder): Layer {
    const [x, w, b] = [[2, 3], [3, 3], [3]].map((shape) => builder.input({ shape, dtype: 'float32' }))
    return { apply: (input) => linear(input, w!, b), x: x! }
  },
}

/** An op that makes a gradient. */
interface Gradient {
  /** Of x, by the op. */
  readonly dx: () => Tracer
  /** As a ReLU's of dx's shape. */
  readonly y: Tracer
  /** What the gradient is of. */
  readonly layer: (x: Tracer) => Tracer
  readonly x: Tracer
}

/** Inputs are what the op reads, then y. */
const gradients = {
  conv2dBackwardData(builder: GraphBuilder): Gradient {
    const [dy, w, y] = [[2, 3, 1, 1], [3, 3, 1, 1], [2, 3, 1, 1]].map((shape) => builder.input({ shape, dtype: 'float32' }))
    const attributes = { stride: [1, 1], padding: [0, 0], relu: false, inputShape: y!.shape }
    return {
      dx: () => dy!.apply(conv2dBackwardDataOp, attributes, [dy!, w!]),
      y: y!,
      layer: (x) => conv2d(x, w!),
      x: y!,
    }
  },
  linearBackwardData(builder: GraphBuilder): Gradient {
    const [dy, w, y] = [[2, 3], [3, 3], [2, 3]].map((shape) => builder.input({ shape, dtype: 'float32' }))
    return {
      dx: () => dy!.apply(linearBackwardDataOp, { relu: false }, [dy!, w!]),
      y: y!,
      layer: (x) => linear(x, w!),
      x: y!,
    }
  },
  maxPool2dBackward(builder: GraphBuilder): Gradient {
    const dy = builder.input({ shape: [2, 3, 1, 1], dtype: 'float32' })
    const index = builder.input({ shape: [6], dtype: 'opaque' })
    const y = builder.input({ shape: [2, 3, 2, 2], dtype: 'float32' })
    const attributes = { ...window, relu: false, inputShape: y.shape }
    return { dx: () => dy.apply(maxPool2dBackwardOp, attributes, [dy, index]), y, layer: (x) => maxPool2d(x, 2), x: y }
  },
  avgPool2dBackward(builder: GraphBuilder): Gradient {
    const dy = builder.input({ shape: [2, 3, 1, 1], dtype: 'float32' })
    const y = builder.input({ shape: [2, 3, 2, 2], dtype: 'float32' })
    const attributes = { ...window, countIncludePad: true, relu: false, inputShape: y.shape }
    return { dx: () => dy.apply(avgPool2dBackwardOp, attributes, [dy]), y, layer: (x) => avgPool2d(x, 2), x: y }
  },
}
const window = { kernelSize: [2, 2], stride: [2, 2], padding: [0, 0] }

const reluBackward = (dy: Tracer, y: Tracer): Tracer => dy.apply(reluBackwardOp, {}, [dy, y])

describe.each(['onednn', 'cudnn'] as const)('%s', (backend) => {
  describe.each(['conv2d', 'linear'] as const)('%s and relu', (op) => {
    function fused(fn: (layer: Layer, builder: GraphBuilder) => readonly Tracer[]): Graph {
      const builder = new GraphBuilder()
      return fuse(simplify(builder.build(fn(layers[op](builder), builder))), backend)
    }
    const opsOf = (graph: Graph): string[] => graph.nodes.map((node) => (node.attributes['relu'] ? `${node.op}+relu` : node.op))

    test('become one node, which makes what relu made', () => {
      const graph = fused(({ apply, x }) => [relu(apply(x))])
      expect(opsOf(graph)).toEqual([`${op}+relu`])
      expect(graph.nodes[0]!.outputs).toEqual(graph.outputs)
    })

    test('one after the other, and a second relu, which stays', () => {
      expect(opsOf(fused(({ apply, x }) => [relu(apply(relu(relu(apply(x)))))]))).toEqual([`${op}+relu`, 'relu', `${op}+relu`])
    })

    test('stay two if another node reads what lies between', () => {
      expect(
        opsOf(
          fused(({ apply, x }) => {
            const y = apply(x)
            return [add(relu(y), y)]
          }),
        ),
      ).toEqual([op, 'relu', 'add'])
      expect(
        opsOf(
          fused(({ apply, x }) => {
            const y = apply(x)
            return [relu(y), relu(y)]
          }),
        ),
      ).toEqual([op, 'relu', 'relu'])
    })

    test('stay two if what lies between leaves the graph', () => {
      expect(
        opsOf(
          fused(({ apply, x }) => {
            const y = apply(x)
            return [y, relu(y)]
          }),
        ),
      ).toEqual([op, 'relu'])
    })

    test('stay two if what lies between is seen through a view', () => {
      expect(
        opsOf(
          fused(({ apply, x }) => {
            const y = apply(x)
            return [relu(y), add(flatten(y), flatten(y))]
          }),
        ),
      ).toEqual([op, 'relu', 'add'])
    })

    test('become one in spite of a view that nobody reads', () => {
      expect(
        opsOf(
          fused(({ apply, x }) => {
            const y = apply(x)
            flatten(y)
            return [relu(y)]
          }),
        ),
      ).toEqual([`${op}+relu`])
    })

    test('stay two if what lies between has a place of its own', () => {
      expect(
        opsOf(
          fused(({ apply, x }, builder) => {
            const y = apply(x)
            builder.place(y, builder.input({ shape: [100], dtype: 'float32' }), 0)
            return [relu(y)]
          }),
        ),
      ).toEqual([op, 'relu'])
    })
  })

  describe.each(Object.keys(gradients) as (keyof typeof gradients)[])('%s and reluBackward', (op) => {
    function fused(fn: (gradient: Gradient, builder: GraphBuilder) => readonly Tracer[]): Graph {
      const builder = new GraphBuilder()
      return fuse(simplify(builder.build(fn(gradients[op](builder), builder))), backend)
    }
    const opsOf = (graph: Graph): string[] => graph.nodes.map((node) => (node.attributes['relu'] ? `${node.op}+relu` : node.op))

    test('become one node, whose last input is y', () => {
      const graph = fused(({ dx, y }) => [reluBackward(dx(), y)])
      expect(opsOf(graph)).toEqual([`${op}+relu`])
      const [node] = graph.nodes
      expect(node!.outputs).toEqual(graph.outputs)
      expect(node!.inputs).toEqual(graph.inputs)
    })

    test('as differentiation writes them', () => {
      const builder = new GraphBuilder()
      const { layer, x } = gradients[op](builder)
      const z = layer(relu(x))
      const [dx] = differentiate(builder, [[z, builder.input(z)]], [x])
      const graph = fuse(simplify(builder.build([dx!])), backend)
      expect(opsOf(graph).at(-1)).toBe(`${op}+relu`)
      expect(opsOf(graph)).not.toContain('reluBackward')
    })

    test('stay two if another node reads what lies between', () => {
      expect(
        opsOf(
          fused(({ dx, y }) => {
            const between = dx()
            return [add(reluBackward(between, y), between)]
          }),
        ),
      ).toEqual([op, 'reluBackward', 'add'])
    })

    test('stay two if it leaves the graph, is seen through a view, or has a place of its own', () => {
      expect(
        opsOf(
          fused(({ dx, y }) => {
            const between = dx()
            return [between, reluBackward(between, y)]
          }),
        ),
      ).toEqual([op, 'reluBackward'])
      expect(
        opsOf(
          fused(({ dx, y }, builder) => {
            const between = dx()
            return [reluBackward(between, y), relu(builder.view(between, 0, { shape: [2], dtype: 'float32' }))]
          }),
        ),
      ).toEqual([op, 'reluBackward', 'relu'])
      expect(
        opsOf(
          fused(({ dx, y }, builder) => {
            const between = dx()
            builder.place(between, builder.input({ shape: [100], dtype: 'float32' }), 0)
            return [reluBackward(between, y)]
          }),
        ),
      ).toEqual([op, 'reluBackward'])
    })

    test('stay two if what they make has a place of its own, where it must not come too early', () => {
      expect(
        opsOf(
          fused(({ dx, y }, builder) => {
            const made = reluBackward(dx(), y)
            builder.place(made, builder.input({ shape: [100], dtype: 'float32' }), 0)
            return [made]
          }),
        ),
      ).toEqual([op, 'reluBackward'])
    })

    test('stay two if y comes after the first of them, also through a view', () => {
      expect(
        opsOf(
          fused(({ dx, y }) => {
            const between = dx()
            return [reluBackward(between, relu(y))]
          }),
        ),
      ).toEqual([op, 'relu', 'reluBackward'])
      expect(
        opsOf(
          fused(({ dx, y }, builder) => {
            const between = dx()
            return [reluBackward(between, builder.view(relu(y), 0, y))]
          }),
        ),
      ).toEqual([op, 'relu', 'reluBackward'])
    })

    test('stay two if y is written in between', () => {
      expect(
        opsOf(
          fused(({ dx }, builder) => {
            const parameters = builder.input({ shape: [100], dtype: 'float32' })
            const between = dx()
            const others = [{ shape: [100] }, { shape: [1] }, { shape: [4], dtype: 'int64' }] as const
            builder.apply(sgdOp, { momentum: 0 }, [
              parameters,
              ...others.map((spec) => builder.input({ dtype: 'float32', ...spec })),
            ])
            return [reluBackward(between, builder.view(parameters, 0, between))]
          }),
        ),
      ).toEqual([op, 'sgd', 'reluBackward'])
    })

    test('become one in spite of what is written in between elsewhere', () => {
      expect(
        opsOf(
          fused(({ dx, y }) => {
            const between = dx()
            const other = relu(y)
            return [other, reluBackward(between, y)]
          }),
        ),
      ).toEqual([`${op}+relu`, 'relu'])
    })

    test('stay two if what lies between is y, or both', () => {
      expect(opsOf(fused(({ dx, y }) => [reluBackward(y, dx())]))).toEqual([op, 'reluBackward'])
      expect(
        opsOf(
          fused(({ dx }) => {
            const between = dx()
            return [reluBackward(between, between)]
          }),
        ),
      ).toEqual([op, 'reluBackward'])
    })

    test('stay two if they are of different stages', () => {
      expect(
        opsOf(
          fused(({ dx, y }, builder) => {
            builder.stage = 'prologue'
            const between = dx()
            builder.stage = 'body'
            return [reluBackward(between, y)]
          }),
        ),
      ).toEqual([op, 'reluBackward'])
    })
  })

  test('other neighbours stay', () => {
    const builder = new GraphBuilder()
    const { apply, x } = layers.conv2d(builder)
    const graph = fuse(simplify(builder.build([relu(maxPool2d(apply(relu(x)), 1))])), backend)
    expect(graph.nodes.map(({ op }) => op)).toEqual(['relu', 'conv2d', 'maxPool2d', 'relu'])
    expect(graph.nodes[1]!.attributes).toMatchObject({ relu: false })
  })
})
