/** What a GPU has to compute for Network in Network and dense layers: the kernels of training and evaluation steps. */
import { fuse } from '../../lib/graph/fuse.js'
import type { DType, Graph } from '../../lib/graph/graph.js'
import { simplify } from '../../lib/graph/simplify.js'
import type { MatmulPrecision } from '../../lib/graph/trace.js'
import { NiN, nn, optim, type NiNVariant } from '../../lib/index.js'
import type { KernelDescription } from '../../lib/native/binding.js'
import { flatLayout } from '../../lib/trainer/flat.js'
import { evaluationStep, trainingStep } from '../../lib/trainer/step.js'

/** How numbers are rounded: a type of activations, and for float32 what products may round. */
export const roundings = {
  float32: { dtype: 'float32', precision: 'default' },
  TF32: { dtype: 'float32', precision: 'tfloat32' },
  bfloat16: { dtype: 'bfloat16', precision: 'default' },
} as const satisfies Readonly<Record<string, { dtype: DType; precision: MatmulPrecision }>>

export type Rounding = keyof typeof roundings

export interface Configuration {
  readonly rounding: Rounding
  /** Height and width of the images. */
  readonly size: number
  readonly batch: number
}

/** `mlpconv` has a fixed last pooling, so that it takes no smaller images. */
const variantsAt = (size: number): readonly NiNVariant[] =>
  size < 224 ? ['d2l', 'no-last-relu'] : ['d2l', 'no-last-relu', 'mlpconv']

/** Dense layers alone, on the pixels. */
const perceptron = (): nn.Module =>
  new nn.Sequential(new nn.Flatten(), new nn.LazyLinear(512), new nn.ReLU(), new nn.LazyLinear(10))

/** The kernels of both steps of all networks, each once. */
export function workload({ rounding, size, batch }: Configuration): KernelDescription[] {
  const nets = [...variantsAt(size).map((variant) => new NiN({ variant })), perceptron()]
  const kernels = nets.flatMap((net) => {
    net.inferShapes([1, 1, size, size])
    const options = {
      data: {
        images: { shape: [1000, 1, 28, 28], dtype: 'uint8' },
        size: [size, size],
        mean: [0.5],
        std: [0.5],
        orderLength: 1000,
      },
      classes: 10,
      batchSize: batch,
      microBatch: batch,
      seed: 0,
      ...roundings[rounding],
    } as const
    const optimizer = optim.SGD({ lr: 0.1, momentum: 0.9 })
    const steps = [trainingStep(net, flatLayout(net), options, optimizer, 10), evaluationStep(net, options)]
    return steps.flatMap(({ graph }) => kernelsOf(fuse(simplify(graph), 'cudnn')))
  })
  return [...new Map(kernels.map((kernel) => [JSON.stringify(kernel), kernel])).values()]
}

function kernelsOf({ nodes, values }: Graph): KernelDescription[] {
  const specs = (ids: readonly number[]) => ids.map((id) => ({ shape: values[id]!.shape, dtype: values[id]!.dtype }))
  return nodes.map(({ op, attributes, inputs, outputs }) => ({
    op,
    attributes,
    inputs: specs(inputs),
    outputs: specs(outputs),
  }))
}
