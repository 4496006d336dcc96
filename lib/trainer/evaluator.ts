/** Evaluation: one pass over labelled images in evaluation mode. */
import type { Dataset } from '../data/dataset.js'
import type { Device } from '../device.js'
import type { Module } from '../nn/module.js'
import { Tensor } from '../tensor.js'
import { readMetrics } from './metrics.js'
import { disposeOnFailure } from './ownership.js'
import { Pass } from './pass.js'
import { ResidentData } from './resident.js'
import { evaluationStep, metricsLength, type StepOptions } from './step.js'

/** What an evaluation came to. */
export interface Evaluation {
  /** Mean cross-entropy. */
  readonly loss: number
  /** Share of right answers, in [0, 1]. */
  readonly accuracy: number
  readonly samples: number
}

/** A data set on a device and the compiled steps over it. It reads the module's parameters where they are when it is made. */
export class Evaluator {
  private constructor(
    private readonly data: ResidentData,
    private readonly counters: Tensor<'int64'>,
    private readonly metrics: Tensor<'float64'>,
    private readonly pass: Pass,
  ) {}

  /** @param stepOptions what a step of so many samples is told */
  static create(
    net: Module,
    device: Device,
    dataset: Dataset,
    batchSize: number,
    stepOptions: (batchSize: number) => StepOptions,
  ): Promise<Evaluator> {
    return disposeOnFailure(async (own) => {
      const data = own(await ResidentData.upload(device, dataset))
      const metrics = own(Tensor.zeros(device, [metricsLength(dataset.classes.length)], 'float64'))
      const counters = own(Tensor.zeros(device, [4], 'int64'))
      const named = { ...data.tensors, counters, metrics }
      const build = (size: number) => evaluationStep(net, stepOptions(size))
      const pass = await Pass.create(device, data.count, Math.min(batchSize, data.count), build, named)
      return new Evaluator(data, counters, metrics, pass)
    })
  }

  /** Goes over all samples. Throws the signal's reason if it is aborted. */
  async run(signal?: AbortSignal): Promise<Evaluation> {
    await this.counters.assign(new BigInt64Array(4))
    await this.metrics.assign(new Float64Array(this.metrics.shape[0]!))
    for (let step = 0; step < this.pass.steps; ) {
      step += await this.pass.run(step, this.pass.steps, signal)
      signal?.throwIfAborted()
    }
    const { lossSum, correct, samples } = readMetrics(await this.metrics.data())
    return { loss: lossSum / samples, accuracy: correct / samples, samples }
  }

  /** Frees the device's memory. */
  dispose(): void {
    this.data.dispose()
    this.counters.dispose()
    this.metrics.dispose()
  }
}
