/** The graphs of one training step and of one evaluation step, data to metrics. */
import { ShapeError } from '../errors.js'
import { differentiate } from '../graph/differentiate.js'
import { opDefinition } from '../ops/list.js'
import type { DType, Graph, Node, TensorSpec, ValueId } from '../graph/graph.js'
import { GraphBuilder, type MatmulPrecision, type Liftable, type Tracer } from '../graph/trace.js'
import type { Module } from '../nn/module.js'
import { addOp } from '../ops/add.js'
import { describeShape } from '../ops/check.js'
import { softmaxCrossEntropyOp } from '../ops/crossEntropy.js'
import { fillOp } from '../ops/fill.js'
import { accumulateMetricsOp, advanceOp, gatherImagesOp, sgdOp } from '../ops/training.js'
import type { SGD } from '../optim/sgd.js'
import type { FlatLayout } from './flat.js'

/** The data set as it lies on the device, and what a step makes of it. */
export interface StepData {
  /** uint8 [n, C, h, w]. */
  readonly images: TensorSpec
  /** The network's input: height and width. */
  readonly size: readonly [number, number]
  /** Per channel; pixels become (value / 255 - mean) / std. */
  readonly mean: readonly number[]
  readonly std: readonly number[]
  /** The length of the `order` that samples are taken in. */
  readonly orderLength: number
}

/** What both kinds of step need to know. */
export interface StepOptions {
  readonly data: StepData
  readonly classes: number
  /** Samples of one step. */
  readonly batchSize: number
  /** Samples that go through the network at a time; it divides batchSize. */
  readonly microBatch: number
  /** The type of activations. */
  readonly dtype: DType
  readonly seed: number
  readonly precision: MatmulPrecision
}

/** What a step reads and writes outside of itself. */
export type StepInput =
  | 'images'
  | 'labels'
  | 'order'
  | 'counters'
  | 'metrics'
  | 'parameters'
  | 'gradients'
  | 'momentum'
  | 'learningRates'

/** A step's graph. Its inputs are bound by name, or are what the module closes over. */
export interface Step {
  readonly graph: Graph
  /** How often the body runs in a step. */
  readonly repeat: number
  readonly inputs: readonly { readonly name: StepInput; readonly id: ValueId }[]
  readonly lifted: readonly { readonly liftable: Liftable; readonly id: ValueId }[]
}

/** Metrics, float64: loss sum, correct, samples, step + 1 of the first loss that is not finite, non-zero logits per class. */
export function metricsLength(classes: number): number {
  return 4 + classes
}

/** Gives inputs names. */
class StepBuilder extends GraphBuilder {
  readonly namedInputs: { name: StepInput; id: ValueId }[] = []

  named(name: StepInput, spec: TensorSpec): Tracer {
    const tracer = this.input(spec)
    this.namedInputs.push({ name, id: tracer.id })
    return tracer
  }
}

/** One optimizer step: data, forward, loss, backward, update. */
export function trainingStep(
  net: Module,
  layout: FlatLayout,
  options: StepOptions,
  optimizer: SGD,
  totalSteps: number,
): Step {
  const builder = new StepBuilder({ training: true, seed: options.seed, precision: options.precision })
  const { batchSize, microBatch } = options
  const flat: TensorSpec = { shape: [layout.length], dtype: 'float32' }
  const parameters = builder.named('parameters', flat)
  const gradients = builder.named('gradients', flat)
  for (const { parameter, byteOffset } of layout.entries) {
    builder.bind(parameter, builder.view(parameters, byteOffset, { shape: parameter.shape, dtype: 'float32' }))
  }
  const { logits, dlogits, counters } = forward(builder, net, options)

  const weights = layout.entries.map(({ parameter }) => builder.lift(parameter))
  const computed = differentiate(builder, [[logits, dlogits]], weights)
  const direct = directGradients(builder.nodes, computed)
  const accumulate = batchSize > microBatch || computed.some((gradient) => !gradient || !direct.has(gradient.id))
  if (accumulate) {
    builder.stage = 'prologue'
    const [zero] = builder.apply(fillOp, { value: 0, outputShape: flat.shape }, [])
    builder.place(zero!, gradients, 0)
    builder.stage = 'body'
  }
  computed.forEach((gradient, i) => {
    const byteOffset = layout.entries[i]!.byteOffset
    if (!gradient) return
    if (direct.has(gradient.id)) {
      builder.place(gradient, gradients, byteOffset)
    } else {
      const [sum] = builder.apply(addOp, {}, [builder.view(gradients, byteOffset, gradient), gradient])
      builder.place(sum!, gradients, byteOffset)
    }
  })
  builder.nodes.forEach((node, i) => {
    if (node.outputs.some((id) => direct.has(id))) {
      builder.nodes[i] = { ...node, attributes: { ...node.attributes, accumulate } }
    }
  })
  builder.apply(advanceOp, { step: 0, samples: microBatch, cursor: microBatch }, [counters])

  builder.stage = 'epilogue'
  const learningRates = builder.named('learningRates', { shape: [totalSteps], dtype: 'float32' })
  const momentum = optimizer.momentum > 0 ? [builder.named('momentum', flat)] : []
  const { dampening, weightDecay, nesterov, clipGradNorm } = optimizer
  builder.apply(
    sgdOp,
    { momentum: optimizer.momentum, dampening, weightDecay, nesterov, clipGradNorm },
    [parameters, gradients, learningRates, counters, ...momentum],
  )
  builder.apply(advanceOp, { step: 1, samples: 0, cursor: 0 }, [counters])
  const own = new Set<Liftable>(layout.entries.map(({ parameter }) => parameter))
  return finish(builder, options, (liftable) => !own.has(liftable))
}

/** One evaluation step: data, forward, loss and correct count. */
export function evaluationStep(net: Module, options: StepOptions): Step {
  const builder = new StepBuilder({ training: false, seed: options.seed, precision: options.precision })
  const { counters } = forward(builder, net, options)
  const { microBatch } = options
  builder.apply(advanceOp, { step: 0, samples: microBatch, cursor: microBatch }, [counters])
  return finish(builder, options, () => true)
}

/** Data, forward, loss and metrics of one micro-batch. */
function forward(
  builder: StepBuilder,
  net: Module,
  { data, classes, microBatch, batchSize, dtype }: StepOptions,
): { logits: Tracer; dlogits: Tracer; counters: Tracer } {
  const images = builder.named('images', data.images)
  const labels = builder.named('labels', { shape: [data.images.shape[0]!], dtype: 'int32' })
  const order = builder.named('order', { shape: [data.orderLength], dtype: 'int32' })
  const counters = builder.named('counters', { shape: [4], dtype: 'int64' })
  const metrics = builder.named('metrics', { shape: [metricsLength(classes)], dtype: 'float64' })
  builder.counters = counters

  const { mean, std, size } = data
  const outputShape = [microBatch, data.images.shape[1]!, ...size]
  const [x, y] = builder.apply(gatherImagesOp, { mean, std, outputShape, dtype }, [images, labels, order, counters])
  const logits = net.trace(x!)
  if (logits.shape.length !== 2 || logits.shape[1] !== classes) {
    throw new ShapeError(
      `${net.constructor.name}: expected a logit for each of the data's ${classes} classes, [${microBatch}, ${classes}]; ` +
        `the network's output is ${describeShape(logits.shape)}`,
    )
  }
  const divisor = batchSize
  const [loss, dlogits, correct] = builder.apply(softmaxCrossEntropyOp, { divisor }, [logits, y!])
  builder.apply(accumulateMetricsOp, { divisor }, [logits, loss!, correct!, counters, metrics])
  return { logits, dlogits: dlogits!, counters }
}

/**
 * The gradients that their kernel can write to, or add to, their place in the flat buffer: nothing else that it writes goes
 * anywhere else, and nobody else reads them.
 */
function directGradients(nodes: readonly Node[], computed: readonly (Tracer | undefined)[]): ReadonlySet<ValueId> {
  const ids = computed.flatMap((gradient) => gradient?.id ?? [])
  const once = new Set(ids.filter((id) => ids.indexOf(id) === ids.lastIndexOf(id)))
  const read = new Set(nodes.flatMap((node) => node.inputs))
  const producers = nodes.filter(
    (node) => opDefinition(node.op).accumulates && node.outputs.every((id) => once.has(id) && !read.has(id)),
  )
  return new Set(producers.flatMap((node) => node.outputs))
}

function finish(
  builder: StepBuilder,
  { batchSize, microBatch }: StepOptions,
  isBoundLater: (liftable: Liftable) => boolean,
): Step {
  return {
    graph: builder.build([]),
    repeat: batchSize / microBatch,
    inputs: builder.namedInputs,
    lifted: [...builder.lifted]
      .filter(([liftable]) => isBoundLater(liftable))
      .map(([liftable, { id }]) => ({ liftable, id })),
  }
}
