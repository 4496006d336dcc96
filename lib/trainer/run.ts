/** The device's side of a training run: data, state and compiled steps. */
import type { Dataset } from '../data/dataset.js'
import type { Device } from '../device.js'
import type { Module } from '../nn/module.js'
import { learningRates } from '../optim/schedule.js'
import { Random } from '../random.js'
import { Tensor } from '../tensor.js'
import { flatten, flatView, type FlatLayout } from './flat.js'
import type { ResolvedOptions } from './options.js'
import { disposeOnFailure } from './ownership.js'
import { Pass } from './pass.js'
import { ResidentData } from './resident.js'
import { metricsLength, trainingStep, type StepOptions } from './step.js'

/** Philox streams of the epochs' orders begin here; those of the parameters begin at 0. */
const orderStream = 2 ** 31

/** State that a run keeps on the device. */
interface State {
  readonly counters: Tensor<'int64'>
  readonly metrics: Tensor<'float64'>
  readonly gradients: Tensor<'float32'>
  readonly learningRates: Tensor<'float32'>
  /** Absent without momentum. */
  readonly momentum?: Tensor<'float32'>
}

export class TrainingRun {
  private constructor(
    private readonly device: Device,
    private readonly layout: FlatLayout,
    private readonly options: ResolvedOptions,
    private readonly data: ResidentData,
    private readonly state: State,
    private readonly pass: Pass,
  ) {}

  /** Uploads the data, moves the parameters into one buffer, compiles the steps. */
  static async create(
    net: Module,
    device: Device,
    layout: FlatLayout,
    dataset: Dataset,
    options: ResolvedOptions,
    stepOptions: (batchSize: number) => StepOptions,
  ): Promise<TrainingRun> {
    const { optimizer, schedule, batchSize, epochs } = options
    const totalSteps = epochs * Math.ceil(dataset.shape.count / batchSize)
    const rates = learningRates(optimizer, schedule, totalSteps)
    const parameters = await flatten(device, layout)
    return disposeOnFailure(async (own) => {
      const data = own(await ResidentData.upload(device, dataset))
      const state: State = {
        counters: own(Tensor.zeros(device, [4], 'int64')),
        metrics: own(Tensor.zeros(device, [metricsLength(dataset.classes.length)], 'float64')),
        gradients: own(Tensor.zeros(device, [layout.length], 'float32')),
        learningRates: own(await Tensor.from(rates, [totalSteps], { dtype: 'float32', device })),
        ...(optimizer.momentum > 0 ? { momentum: own(Tensor.zeros(device, [layout.length], 'float32')) } : {}),
      }
      const build = (size: number) => trainingStep(net, layout, stepOptions(size), optimizer, totalSteps)
      const pass = await Pass.create(device, data.count, batchSize, build, { ...data.tensors, ...state, parameters })
      return new TrainingRun(device, layout, options, data, state, pass)
    })
  }

  get stepsPerEpoch(): number {
    return this.pass.steps
  }

  /** Puts order, counters and metrics to where the epoch begins, or to where it was stopped. */
  async beginEpoch(epoch: number, step: number, metrics: Float64Array): Promise<void> {
    const { seed, batchSize } = this.options
    const { count } = this.data
    const cursor = step * batchSize
    const order = new Random(seed, orderStream + epoch).permutation(count)
    await this.data.tensors.order.assign(order)
    const counters = [epoch * this.stepsPerEpoch + step, epoch * count + cursor, cursor, 0]
    await this.state.counters.assign(BigInt64Array.from(counters, BigInt))
    await this.state.metrics.assign(metrics)
  }

  /** Runs up to `count` steps of the epoch from step `from` on; see `Pass.run`. */
  run(from: number, count: number, signal?: AbortSignal): Promise<number> {
    return this.pass.run(from, count, signal)
  }

  /** What has been counted in this epoch; the layout of `accumulateMetrics`. */
  metrics(): Promise<Float64Array> {
    return this.state.metrics.data()
  }

  /** The optimizer's momentum by parameter, in logical order; undefined without momentum. */
  async readMomentum(): Promise<Map<string, Float32Array> | undefined> {
    const { momentum } = this.state
    if (!momentum) return undefined
    const read = this.layout.entries.map(async (entry) => {
      return [entry.key, await flatView(this.device, entry, momentum.binding).data()] as const
    })
    return new Map(await Promise.all(read))
  }

  /** Sets the optimizer's momentum. */
  async writeMomentum(values: ReadonlyMap<string, Float32Array>): Promise<void> {
    const { momentum } = this.state
    if (!momentum) return
    for (const entry of this.layout.entries) {
      await flatView(this.device, entry, momentum.binding).assign(values.get(entry.key)!)
    }
  }

  /** Frees the device's memory; the parameters stay. */
  dispose(): void {
    this.data.dispose()
    const tensors: readonly Tensor[] = Object.values(this.state)
    for (const tensor of tensors) tensor.dispose()
  }
}
