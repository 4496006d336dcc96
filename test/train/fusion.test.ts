/** A step of fused kernels computes what the same step without them does. */
import { describe, expect, test } from '@jest/globals'
import { compile } from '../../lib/graph/compile.js'
import { fuse } from '../../lib/graph/fuse.js'
import type { Graph, ValueId } from '../../lib/graph/graph.js'
import { simplify } from '../../lib/graph/simplify.js'
import { nn, openDevice, Tensor } from '../../lib/index.js'
import { flatLayout } from '../../lib/trainer/flat.js'
import { trainingStep, type Step, type StepInput } from '../../lib/trainer/step.js'
import { floatingTypes, type Floating } from '../bfloat16.js'
import { testDevice } from '../device.js'
import { randomWords, spreadData } from '../reference/data.js'
import { expectClose } from '../reference/tolerance.js'
import { toyOptimizer } from './toy.js'

const [size, batchSize, classes] = [20, 4, 3]

/** A ReLU in front of each kind of layer that can do its backward too. */
function network(): nn.Module {
  return new nn.Sequential(
    new nn.Conv2d(1, 16, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.Conv2d(16, 32, 1),
    new nn.ReLU(),
    new nn.MaxPool2d(3, { stride: 2 }),
    new nn.Conv2d(32, 32, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.Conv2d(32, 32, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.AvgPool2d(3),
    new nn.Flatten(),
    new nn.Linear(32 * 9, 11),
    new nn.ReLU(),
    new nn.Linear(11, classes),
  ).materialize([1, 1, size, size])
}

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

describe.each(floatingTypes)('in %s', (dtype: Floating) => {
  test.each([4, 2])('%i samples at a time', async (microBatch) => {
    const net = network()
    const step = trainingStep(
      net,
      flatLayout(net),
      {
        data: { images: { shape: [2 * batchSize, 1, size, size], dtype: 'uint8' }, size: [size, size], mean: [0.5], std: [0.5], orderLength: 2 * batchSize },
        classes,
        batchSize,
        microBatch,
        dtype,
        seed: 0,
        precision: 'default',
      },
      toyOptimizer,
      2,
    )
    const { backend } = openDevice(testDevice)
    const remaining = (graph: Graph): number => betweens(fuse(simplify(graph), backend)).length
    expect([remaining(step.graph), remaining(unfused(step.graph))]).toEqual([0, 5])

    const [fusedStep, plainStep] = [await run(step, step.graph), await run(step, unfused(step.graph))]
    expect(plainStep[0]!.every(Number.isFinite)).toBe(true)
    fusedStep.forEach((values, i) => {
      // A GPU's engine for both may add in another order than that for one.
      if (backend === 'onednn') expect(values).toEqual(plainStep[i])
      else expectClose(values, plainStep[i]!, dtype)
    })
  })
})
