/** A step of fused kernels computes what the same step without them does. */
import { describe, expect, test } from '@jest/globals'
import { compile } from '../../lib/graph/compile.js'
import { fuse } from '../../lib/graph/fuse.js'
import type { Graph, ValueId } from '../../lib/graph/graph.js'
import { simplify } from '../../lib/graph/simplify.js'
import { nn, openDevice, Tensor } from '../../lib/index.js'
import { flatLayout } from '../../lib/trainer/flat.js'
import { trainingStep, type Step, type StepInput } from '../../lib/trainer/step.js'
import { floatingTypes } from '../bfloat16.js'
import { testDevice } from '../device.js'
import { randomWords, spreadData } from '../reference/data.js'
import { expectClose } from '../reference/tolerance.js'
import { toyOptimizer } from './toy.js'

const [size, batchSize, classes] = [20, 4, 3]

/** ReLUs in front of layers that can do their backward too. */
const networks = [
  {
    name: 'convolutions and poolings',
    layers: () => [
      new nn.Conv2d(1, 32, 3, { padding: 1 }),
      new nn.ReLU(),
      new nn.Conv2d(32, 32, 3, { padding: 1 }),
      new nn.ReLU(),
      new nn.MaxPool2d(3, { stride: 2 }),
      new nn.Conv2d(32, 32, 5, { padding: 2 }),
      new nn.ReLU(),
      new nn.AvgPool2d(3),
      new nn.Flatten(),
      new nn.Linear(32 * 9, classes),
    ],
    relus: 3,
    isSameOnCpu: true,
  },
  {
    // Of products of matrices the CPU's kernel for both is not that for the gradient alone.
    name: '1x1 convolutions and dense layers',
    layers: () => [
      new nn.Conv2d(1, 16, 3, { stride: 2 }),
      new nn.ReLU(),
      new nn.Conv2d(16, 32, 1),
      new nn.ReLU(),
      new nn.Conv2d(32, 5, 1),
      new nn.Flatten(),
      new nn.Linear(5 * 81, 11),
      new nn.ReLU(),
      new nn.Linear(11, classes),
    ],
    relus: 3,
    isSameOnCpu: false,
  },
]

/** The gradients that a ReLU's backward reads. */
const betweens = ({ nodes }: Graph): ValueId[] =>
  nodes.filter(({ op }) => op === 'reluBackward').map(({ inputs }) => inputs[0]!)

/** The same step with these values as outputs: nothing that leaves the graph is fused away. */
const unfused = (graph: Graph): Graph => ({ ...graph, outputs: betweens(graph) })

/** Runs two steps from the same numbers. Returns parameters and gradients. */
async function run({ inputs, repeat }: Step, graph: Graph): Promise<Float32Array[]> {
  const device = openDevice(testDevice)
  const compiled = await compile(graph, device.backend, device.native, { repeat })
  const data: Partial<Record<StepInput, ArrayBufferView>> = {
    images: Uint8Array.from(randomWords(2 * batchSize * size * size, 1, 0)),
    labels: Int32Array.from({ length: 2 * batchSize }, (_, i) => i % classes),
    order: Int32Array.from({ length: 2 * batchSize }, (_, i) => i),
    learningRates: Float32Array.of(0.1, 0.1),
  }
  const tensors = new Map<StepInput, Tensor>()
  for (const { name, id } of inputs) {
    const { shape, dtype } = graph.values[id]!
    const made = Tensor.zeros(device, shape, dtype)
    if (name === 'parameters') await made.assign(Float32Array.from(spreadData(shape, 2, 0).data, (value) => 0.2 * value))
    else if (data[name]) await made.assign(data[name])
    tensors.set(name, made)
  }
  const outputs = graph.outputs.map((id) => Tensor.zeros(device, graph.values[id]!.shape, graph.values[id]!.dtype))
  const all = [...inputs.map(({ name }) => tensors.get(name)!), ...outputs]
  expect(await device.run(compiled, 2, all.map(({ binding }) => binding))).toBe(2)
  return Promise.all((['parameters', 'gradients'] as const).map(async (name) => (await tensors.get(name)!.data()) as Float32Array))
}

describe.each(networks)('$name', ({ layers, relus, isSameOnCpu }) => {
  const samples = [batchSize, batchSize / 2]
  test.each(floatingTypes.flatMap((dtype) => samples.map((microBatch) => ({ dtype, microBatch }))))(
    'in $dtype, $microBatch samples at a time',
    async ({ dtype, microBatch }) => {
      const net = new nn.Sequential(...layers()).materialize([1, 1, size, size])
      const images = { shape: [2 * batchSize, 1, size, size], dtype: 'uint8' } as const
      const data = { images, size: [size, size], mean: [0.5], std: [0.5], orderLength: 2 * batchSize } as const
      const options = { data, classes, batchSize, microBatch, dtype, seed: 0, precision: 'default' } as const
      const step = trainingStep(net, flatLayout(net), options, toyOptimizer, 2)
      const { backend } = openDevice(testDevice)
      const remaining = (graph: Graph): number => betweens(fuse(simplify(graph), backend)).length
      expect([remaining(step.graph), remaining(unfused(step.graph))]).toEqual([0, relus])

      const [together, apart] = [await run(step, step.graph), await run(step, unfused(step.graph))]
      expect(apart[0]!.every(Number.isFinite)).toBe(true)
      const precision = isSameOnCpu && backend === 'onednn' ? 'exact' : dtype
      together.forEach((values, i) => expectClose(values, apart[i]!, precision))
    },
  )
})
