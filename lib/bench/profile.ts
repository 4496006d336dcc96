/** Where the time of a training step goes: each node of its compiled plan, timed on the device. */
import { requireBoolean, requireInteger, requireOptions } from '../check.js'
import type { Dataset } from '../data/dataset.js'
import { resolveDevice, type Device, type DeviceName } from '../device.js'
import { OptionError } from '../errors.js'
import type { Stage } from '../graph/graph.js'
import { recipes } from '../models/recipes.js'
import type { Peaks, PlanProfile } from '../native/binding.js'
import { bytesOf, flopsOf } from '../nn/cost.js'
import type { Module } from '../nn/module.js'
import type { SGD } from '../optim/sgd.js'
import { Tensor } from '../tensor.js'
import { flatLayout, flatten, type FlatLayout } from '../trainer/flat.js'
import { resolvePrecision, type Precision } from '../trainer/options.js'
import { claim, type Disposable } from '../trainer/ownership.js'
import { bindStep, chooseMicroBatch, type BoundStep } from '../trainer/pass.js'
import { inputShape, requireDataset, ResidentData, stepData } from '../trainer/resident.js'
import { evaluationStep, metricsLength, trainingStep, type Step, type StepOptions } from '../trainer/step.js'

export interface ProfileOptions {
  /** Samples of a step. Default 64, or all that there are. */
  readonly batchSize?: number
  /** Samples that go through the network at a time. Default: as `Trainer` chooses. */
  readonly microBatch?: number
  /** Default float32. */
  readonly dtype?: Precision
  /** Default `auto`. */
  readonly device?: DeviceName | Device
  /** Default: that of `recipes.fast`. */
  readonly optimizer?: SGD
  /** Whether to profile a step of evaluation, forward and loss, instead of one of training. Default false. */
  readonly inference?: boolean
  /** Steps that are timed, after two that are not. Default 10. */
  readonly steps?: number
  /** Ends it after the present step; what was measured until then is returned. */
  readonly signal?: AbortSignal
  /** Called with the number of steps that are done. */
  readonly onProgress?: (steps: number) => void
}

/** One node of the compiled plan, in one step: all micro-batches together. */
export interface NodeProfile {
  /** The path of its layer, such as `0.2`; empty outside of the network. */
  readonly scope: string
  readonly op: string
  /** How the library does it; may be empty. */
  readonly implementation: string
  /** Before, in or after the micro-batches. */
  readonly stage: Stage
  /** One number per step. */
  readonly seconds: readonly number[]
  /** Of the plain algorithm; a multiply-add is two. 0: none worth counting. */
  readonly flops: number
  /** What must at least be read and written. */
  readonly bytes: number
}

/** A step, node by node. */
export interface StepProfile {
  readonly batchSize: number
  readonly microBatch: number
  /** The nodes in the order in which they run. */
  readonly nodes: readonly NodeProfile[]
  /** Whole steps, from begin to end; one number per step. */
  readonly seconds: readonly number[]
  /** What the device can do at most, measured beside; undefined on a GPU, which has no such measurement. */
  readonly peaks: Peaks | undefined
}

const warmUp = 2

/**
 * Runs steps of training a network on data, or of evaluating it, and times each kernel. Nothing is learned: the learning
 * rate is 0.
 *
 * @example const { nodes } = await profile(new NiN(), train, { batchSize: 64 })
 * @throws OptionError, ShapeError, DeviceError, OutOfMemoryError; the signal's reason if it is aborted before the first step
 * is done
 */
export async function profile(net: Module, dataset: Dataset, options: ProfileOptions = {}): Promise<StepProfile> {
  requireOptions('profile', options, optionNames)
  requireDataset('profile', dataset)
  const { signal, onProgress } = options
  const steps = requireInteger('profile', 'steps', options.steps ?? 10, 1)
  const device = resolveDevice(options.device)
  const settings = settle(dataset, device, options)
  net.materialize(inputShape(dataset, settings.batchSize))
  const layout = flatLayout(net)
  const owned: Disposable[] = [{ dispose: claim(layout.entries.map(({ parameter }) => parameter)) }]
  const own = <D extends Disposable>(made: D): D => (owned.push(made), made)
  try {
    const counters = own(Tensor.zeros(device, [4], 'int64'))
    const { step, compiled, bindings } = await prepare(net, layout, dataset, device, settings, counters, own)
    // The optimizer's first step would not read the momentum.
    const begin = (): Promise<void> => counters.assign(BigInt64Array.of(1n, 0n, 0n, 0n))
    const peaks = await device.measurePeaks()
    for (let i = 0; i < warmUp; i++) {
      await begin()
      await device.run(compiled, 1, bindings, signal)
    }
    const profiles: PlanProfile[] = []
    while (profiles.length < steps && !signal?.aborted) {
      await begin()
      const one = await device.profile(compiled, 1, bindings, signal)
      if (one.steps === 1) profiles.push(one)
      onProgress?.(profiles.length)
    }
    if (profiles.length === 0) signal?.throwIfAborted()

    const { graph } = compiled
    const nodes = graph.nodes.map((node, i): NodeProfile => {
      const times = node.stage === 'body' ? step.repeat : 1
      return {
        scope: node.scope,
        op: node.op,
        implementation: compiled.implementationOf(node),
        stage: node.stage,
        seconds: profiles.map(({ kernelSeconds }) => kernelSeconds[i]!),
        flops: times * flopsOf(graph, node),
        bytes: times * bytesOf(graph, node),
      }
    })
    const { batchSize, microBatch } = settings
    return { batchSize, microBatch, nodes, seconds: profiles.map(({ seconds }) => seconds), peaks }
  } finally {
    for (const made of owned) made.dispose()
  }
}

const optionNames = [
  'batchSize',
  'microBatch',
  'dtype',
  'device',
  'optimizer',
  'inference',
  'steps',
  'signal',
  'onProgress',
] as const

/** What a step is made of. */
interface Settings extends StepOptions {
  readonly optimizer: SGD
  readonly inference: boolean
}

/** Checks options and fills in defaults. */
function settle(dataset: Dataset, device: Device, options: ProfileOptions): Settings {
  const { count } = dataset.shape
  const batchSize = requireInteger('profile', 'batchSize', options.batchSize ?? Math.min(64, count), 1)
  if (batchSize > count) {
    throw new OptionError(`profile: batchSize must be at most the data set's ${count} samples; received ${batchSize}`)
  }
  const { microBatch } = options
  if (microBatch !== undefined) requireInteger('profile', 'microBatch', microBatch, 1)
  const data = stepData(dataset)
  return {
    data,
    classes: dataset.classes.length,
    batchSize,
    microBatch: chooseMicroBatch(device, batchSize, data.size, microBatch),
    ...resolvePrecision('profile', options, device),
    seed: 0,
    optimizer: options.optimizer ?? recipes.fast.optimizer,
    inference: requireBoolean('profile', 'inference', options.inference ?? false),
  }
}

/** Compiles the step and binds it to data, parameters and a state in which nothing is learned. */
async function prepare(
  net: Module,
  layout: FlatLayout,
  dataset: Dataset,
  device: Device,
  settings: Settings,
  counters: Tensor,
  own: <D extends Disposable>(made: D) => D,
): Promise<BoundStep & { readonly step: Step }> {
  const zeros = (length: number): Tensor => own(Tensor.zeros(device, [length], 'float32'))
  const metrics = own(Tensor.zeros(device, [metricsLength(settings.classes)], 'float64'))
  const parameters = await flatten(device, layout)
  const { tensors } = own(await ResidentData.upload(device, dataset))
  const named = { ...tensors, counters, metrics, parameters }
  if (settings.inference) {
    const step = evaluationStep(net, settings)
    return { step, ...(await bindStep(device, step, named)) }
  }
  const step = trainingStep(net, layout, settings, settings.optimizer, 1)
  const momentum = settings.optimizer.momentum > 0 ? { momentum: zeros(layout.length) } : {}
  const state = { gradients: zeros(layout.length), learningRates: zeros(1), ...momentum }
  return { step, ...(await bindStep(device, step, { ...named, ...state })) }
}
