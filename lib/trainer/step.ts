/** The graphs of one training step and of one evaluation step, data to metrics. */
import { differentiate } from '../graph/differentiate.js'
import { opDefinition } from '../ops/list.js'
import type { DType, Graph, TensorSpec } from '../graph/graph.js'
import { GraphBuilder, type Liftable, type Tracer } from '../graph/trace.js'
import type { Module } from '../nn/module.js'
import { addOp } from '../ops/add.js'
import { requireShape } from '../ops/check.js'
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
  readonly layout: FlatLayout
  readonly classes: number
  /** Samples of one step. */
  readonly batchSize: number
  /** Samples that go through the network at a time; it divides batchSize. */
  readonly microBatch: number
  /** The type of activations. */
  readonly dtype: DType
  readonly seed: number
}

/** A step's graph. Its inputs are bound by name, in this order; then comes what the module closes over. */
export interface Step {
  readonly graph: Graph
  /** How often the body runs in a step. */
  readonly repeat: number
  readonly inputs: readonly string[]
  readonly lifted: readonly Liftable[]
}

/** Metrics, float64: loss sum, correct, samples, step + 1 of the first loss that is not finite, non-zero logits per class. */
export function metricsLength(classes: number): number {
  return 4 + classes
}

/** Binds inputs by name, in the order in which they are asked for. */
class StepBuilder extends GraphBuilder {
  readonly names: string[] = []

  named(name: string, spec: TensorSpec): Tracer {
    this.names.push(name)
    return this.input(spec)
  }
}

/** One optimizer step: data, forward, loss, backward, update. */
export function trainingStep(net: Module, options: StepOptions, optimizer: SGD, totalSteps: number): Step {
  const builder = new StepBuilder({ training: true, seed: options.seed })
  const { layout, batchSize, microBatch } = options
  const flat: TensorSpec = { shape: [layout.length], dtype: 'float32' }
  const { logits, dlogits, counters, parameters } = forward(builder, net, options)
  const gradients = builder.named('gradients', flat)

  const weights = layout.entries.map(({ parameter }) => builder.lift(parameter))
  const computed = differentiate(builder, [[logits, dlogits]], weights)
  const accumulate = batchSize > microBatch || computed.some((gradient) => !gradient || !writesOnce(builder, gradient))
  if (accumulate) {
    const zero = at(builder, 'prologue', () =>
      builder.apply(fillOp, { value: 0, outputShape: flat.shape }, []),
    )
    builder.place(zero[0]!, gradients, 0)
  }
  computed.forEach((gradient, i) => {
    if (gradient) collect(builder, gradient, gradients, layout.entries[i]!.byteOffset, accumulate)
  })
  builder.apply(advanceOp, { step: 0, samples: microBatch, cursor: microBatch }, [counters])

  builder.stage = 'epilogue'
  const learningRates = builder.named('learningRates', { shape: [totalSteps], dtype: 'float32' })
  const momentum = optimizer.momentum > 0 ? [builder.named('momentum', flat)] : []
  const { dampening, weightDecay, nesterov, clipGradNorm } = optimizer
  builder.apply(
    sgdOp,
    { momentum: optimizer.momentum, dampening, weightDecay, nesterov, clipGradNorm: clipGradNorm ?? 0 },
    [parameters, gradients, learningRates, counters, ...momentum],
  )
  builder.apply(advanceOp, { step: 1, samples: 0, cursor: 0 }, [counters])
  return finish(builder, options)
}

/** One evaluation step: data, forward, loss and correct count. */
export function evaluationStep(net: Module, options: StepOptions): Step {
  const builder = new StepBuilder({ training: false, seed: options.seed })
  const { counters } = forward(builder, net, options)
  const { microBatch } = options
  builder.apply(advanceOp, { step: 0, samples: microBatch, cursor: microBatch }, [counters])
  return finish(builder, options)
}

/** Data, forward, loss and metrics of one micro-batch. */
function forward(
  builder: StepBuilder,
  net: Module,
  { data, layout, classes, microBatch, batchSize, dtype }: StepOptions,
): { logits: Tracer; dlogits: Tracer; counters: Tracer; parameters: Tracer } {
  const images = builder.named('images', data.images)
  const labels = builder.named('labels', { shape: [data.images.shape[0]!], dtype: 'int32' })
  const order = builder.named('order', { shape: [data.orderLength], dtype: 'int32' })
  const counters = builder.named('counters', { shape: [4], dtype: 'int64' })
  const metrics = builder.named('metrics', { shape: [metricsLength(classes)], dtype: 'float64' })
  const parameters = builder.named('parameters', { shape: [layout.length], dtype: 'float32' })
  for (const { parameter, byteOffset } of layout.entries) {
    builder.bind(parameter, builder.view(parameters, byteOffset, { shape: parameter.shape, dtype: 'float32' }))
  }
  builder.counters = counters

  const { mean, std, size } = data
  const outputShape = [microBatch, data.images.shape[1]!, ...size]
  const [x, y] = builder.apply(gatherImagesOp, { mean, std, outputShape, dtype }, [images, labels, order, counters])
  const logits = net.trace(x!)
  requireShape(net.constructor.name, 'its output', logits, [microBatch, classes])
  const divisor = batchSize
  const [loss, dlogits, correct] = builder.apply(softmaxCrossEntropyOp, { divisor }, [logits, y!])
  builder.apply(accumulateMetricsOp, { divisor }, [logits, loss!, correct!, counters, metrics])
  return { logits, dlogits: dlogits!, counters, parameters }
}

/** Whether a gradient is made by a kernel that can add to what is there, and is nobody else's. */
function writesOnce(builder: GraphBuilder, gradient: Tracer): boolean {
  const producer = builder.nodes.find((node) => node.outputs.includes(gradient.id))
  return producer !== undefined && opDefinition(producer.op).accumulates === true
}

/** Puts a parameter's gradient into its place in the flat buffer. */
function collect(builder: GraphBuilder, gradient: Tracer, gradients: Tracer, byteOffset: number, accumulate: boolean): void {
  if (writesOnce(builder, gradient)) {
    builder.place(gradient, gradients, byteOffset)
    const index = builder.nodes.findIndex((node) => node.outputs.includes(gradient.id))
    const node = builder.nodes[index]!
    builder.nodes[index] = { ...node, attributes: { ...node.attributes, accumulate } }
    return
  }
  const sum = builder.view(gradients, byteOffset, gradient)
  const [added] = builder.apply(addOp, {}, [sum, gradient])
  builder.place(added!, gradients, byteOffset)
}

function at<T>(builder: GraphBuilder, stage: GraphBuilder['stage'], work: () => T): T {
  const before = builder.stage
  builder.stage = stage
  const result = work()
  builder.stage = before
  return result
}

function finish(builder: StepBuilder, { layout, batchSize, microBatch }: StepOptions): Step {
  const own = new Set<Liftable>(layout.entries.map(({ parameter }) => parameter))
  return {
    graph: builder.build([]),
    repeat: batchSize / microBatch,
    inputs: builder.names,
    lifted: [...builder.lifted.keys()].filter((liftable) => !own.has(liftable)),
  }
}
