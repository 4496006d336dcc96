/** Fusion, only where nothing else sees what lies between. */
import { describe, expect, test } from '@jest/globals'
import { fuse } from '../../lib/graph/fuse.js'
import type { Graph } from '../../lib/graph/graph.js'
import { simplify } from '../../lib/graph/simplify.js'
import { GraphBuilder, type Tracer } from '../../lib/graph/trace.js'
import { add } from '../../lib/ops/add.js'
import { conv2d } from '../../lib/ops/conv2d.js'
import { flatten } from '../../lib/ops/flatten.js'
import { linear } from '../../lib/ops/linear.js'
import { maxPool2d } from '../../lib/ops/maxPool2d.js'
import { relu } from '../../lib/ops/relu.js'

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

  test('other neighbours stay', () => {
    const builder = new GraphBuilder()
    const { apply, x } = layers.conv2d(builder)
    const graph = fuse(simplify(builder.build([relu(maxPool2d(apply(relu(x)), 1))])), backend)
    expect(graph.nodes.map(({ op }) => op)).toEqual(['relu', 'conv2d', 'maxPool2d', 'relu'])
    expect(graph.nodes[1]!.attributes).toMatchObject({ relu: false })
  })
})
