/** The trainer: epochs of SGD steps on a device, evaluation, checkpoints. */
import { requireOptions } from '../check.js'
import type { Dataset } from '../data/dataset.js'
import { resolveDevice, type Device } from '../device.js'
import { CheckpointError, NonFiniteLossError, OptionError } from '../errors.js'
import { Module } from '../nn/module.js'
import { writeState } from '../nn/stateDict.js'
import { describe } from '../ops/check.js'
import { readCheckpoint, writeCheckpoint, type Checkpoint, type Epoch, type TrainingProgress } from './checkpoint.js'
import { Evaluator, type Evaluation } from './evaluator.js'
import { flatLayout, type FlatLayout } from './flat.js'
import { LearningWatch, metricsBetween, readMetrics, type Metrics } from './metrics.js'
import { resolveOptions, type ResolvedOptions, type TrainerOptions } from './options.js'
import { claim } from './ownership.js'
import { chooseMicroBatch } from './pass.js'
import { inputShape, requireDataset, stepData } from './resident.js'
import { TrainingRun } from './run.js'
import { metricsLength, type StepOptions } from './step.js'

/** How far training is. */
export interface Progress {
  /** From 1. */
  readonly epoch: number
  readonly epochs: number
  /** Steps of this epoch that are done. */
  readonly step: number
  readonly stepsPerEpoch: number
  /** Means over this epoch so far. */
  readonly loss: number
  readonly trainAccuracy: number
  readonly examplesPerSecond: number
  /** Seconds of training to the end of the last epoch. */
  readonly secondsLeft: number
}

export interface FitOptions {
  /** Evaluated after each epoch. */
  readonly validation?: Dataset | undefined
  /** Stops between two steps; the checkpoint is written and `fit` throws the signal's reason. */
  readonly signal?: AbortSignal | undefined
  /** Called a few times per second. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
  /** Called when the run does not learn; once for each way of it. */
  readonly onWarning?: ((message: string) => void) | undefined
  /** A checkpoint file to go on from. */
  readonly resume?: string | undefined
}

/** One native call lasts about this long, so that progress and cancellation are prompt at no cost. */
const secondsPerCall = 0.25

/** Time spent in training, evaluation not counted. */
interface Clock {
  seconds: number
  steps: number
  samples: number
}

/**
 * Trains a module on labelled images.
 *
 * @example
 * const trainer = new Trainer(net, { optimizer: optim.SGD({ lr: 0.1 }), batchSize: 128, epochs: 10 })
 * for await (const epoch of trainer.fit(train, { validation: test })) console.log(epoch)
 */
export class Trainer {
  readonly #options: ResolvedOptions

  /** @throws OptionError, DeviceError */
  constructor(
    readonly net: Module,
    options: TrainerOptions,
  ) {
    if (!((net as unknown) instanceof Module)) {
      throw new OptionError(`Trainer: expected a module, such as new NiN(); received ${describe(net)}`)
    }
    this.#options = resolveOptions(options)
  }

  /** The device, opened when it is first asked for. Throws DeviceError. */
  get device(): Device {
    return resolveDevice(this.#options.device)
  }

  /**
   * Trains, and yields each epoch's result when it is done. A run is the same to the bit for the same seed on the same
   * machine and thread count, also when it is stopped and resumed.
   *
   * @throws ShapeError if the data does not fit the network; OptionError if the network is being trained already;
   * NonFiniteLossError if the loss becomes NaN or infinite; CheckpointError; OutOfMemoryError; the signal's reason if it is aborted
   */
  async *fit(train: Dataset, options: FitOptions = {}): AsyncGenerator<Epoch, void, undefined> {
    requireFitOptions(options)
    requireDataset('fit', train)
    options.signal?.throwIfAborted()
    const layout = this.#layout(train)
    const release = claim(layout.entries.map(({ parameter }) => parameter))
    try {
      yield* this.#fit(train, layout, options)
    } finally {
      release()
    }
  }

  async *#fit(train: Dataset, layout: FlatLayout, options: FitOptions): AsyncGenerator<Epoch, void, undefined> {
    const { validation, resume, onWarning } = options
    const restored = resume === undefined ? undefined : await this.#readCheckpoint(resume, layout, train)
    if (restored) await writeState(this.net.namedParameters(), restored.parameters, resume!)
    const stepOptions = (size: number): StepOptions => this.#stepOptions(train, size)
    const run = await TrainingRun.create(this.net, this.device, layout, train, this.#options, stepOptions)
    let evaluator: Evaluator | undefined
    try {
      if (restored) await run.writeMomentum(restored.momentum)
      evaluator = validation && (await this.#evaluator(validation))
      const watch = new LearningWatch((message) => onWarning?.(message))
      yield* this.#epochs(run, evaluator, train, restored?.progress, watch, options)
    } finally {
      run.dispose()
      evaluator?.dispose()
    }
  }

  async *#epochs(
    run: TrainingRun,
    evaluator: Evaluator | undefined,
    train: Dataset,
    restored: TrainingProgress | undefined,
    watch: LearningWatch,
    options: FitOptions,
  ): AsyncGenerator<Epoch, void, undefined> {
    const { epochs, checkpoint, metadata, seed, batchSize } = this.#options
    const { signal } = options
    const history = [...(restored?.history ?? [])]
    const zero = new Float64Array(metricsLength(train.classes.length))
    const save = async (epoch: number, step: number, raw: Float64Array): Promise<void> => {
      if (checkpoint === undefined) return
      const samples = train.shape.count
      const progress = { seed, batchSize, samples, epoch, step, metrics: [...raw], history }
      await writeCheckpoint(checkpoint, this.net, await run.readMomentum(), { version: 1, ...progress }, metadata)
    }
    for (let epoch = history.length; epoch < epochs; epoch++) {
      const resumed = epoch === restored?.epoch ? restored : undefined
      const begin = { step: resumed?.step ?? 0, metrics: resumed ? Float64Array.from(resumed.metrics) : zero }
      const clock: Clock = { seconds: 0, steps: 0, samples: 0 }
      const { step, metrics } = await this.#runEpoch(run, epoch, begin, clock, watch, options)
      let test: Evaluation | undefined
      try {
        signal?.throwIfAborted()
        test = await evaluator?.run(signal)
      } catch (error) {
        if (signal?.aborted) await save(epoch, step, metrics)
        throw error
      }
      const result = summarize(epoch, readMetrics(metrics), clock, test)
      history.push(result)
      await save(epoch + 1, 0, zero)
      yield result
    }
  }

  /**
   * The loss and accuracy on labelled images, in evaluation mode.
   *
   * @throws ShapeError if the data does not fit the network; OutOfMemoryError; the signal's reason if it is aborted
   */
  async evaluate(dataset: Dataset, { signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<Evaluation> {
    requireDataset('evaluate', dataset)
    requireSignal('evaluate', signal)
    signal?.throwIfAborted()
    this.net.materialize(inputShape(dataset, 1), { seed: this.#options.seed })
    const evaluator = await this.#evaluator(dataset)
    try {
      return await evaluator.run(signal)
    } finally {
      evaluator.dispose()
    }
  }

  /**
   * Runs an epoch from where it begins to its end, or to where the signal is aborted.
   *
   * @returns the steps of the epoch that are done, and what was counted in them
   */
  async #runEpoch(
    run: TrainingRun,
    epoch: number,
    begin: { readonly step: number; readonly metrics: Float64Array },
    clock: Clock,
    watch: LearningWatch,
    { signal, onProgress }: FitOptions,
  ): Promise<{ step: number; metrics: Float64Array }> {
    const { stepsPerEpoch } = run
    let { step, metrics: raw } = begin
    let last = readMetrics(raw)
    await run.beginEpoch(epoch, step, raw)
    const first = last.samples
    let perCall = 1
    while (step < stepsPerEpoch && !signal?.aborted) {
      const started = performance.now()
      const done = await run.run(step, perCall, signal)
      raw = await run.metrics()
      const metrics = readMetrics(raw)
      if (metrics.failedStep !== undefined) throw this.#nonFinite(metrics.failedStep)
      step += done
      clock.seconds += (performance.now() - started) / 1000
      clock.steps += done
      clock.samples = metrics.samples - first
      if (done === 0) break
      perCall = Math.max(1, Math.round((secondsPerCall * clock.steps) / clock.seconds))
      onProgress?.(progressOf(metrics, clock, epoch, this.#options.epochs, step, stepsPerEpoch))
      watch.see(metricsBetween(last, metrics), epoch * stepsPerEpoch + step)
      last = metrics
    }
    return { step, metrics: raw }
  }

  #layout(train: Dataset): FlatLayout {
    this.net.materialize(inputShape(train, 1), { seed: this.#options.seed })
    return flatLayout(this.net)
  }

  #evaluator(dataset: Dataset): Promise<Evaluator> {
    const stepOptions = (size: number): StepOptions => this.#stepOptions(dataset, size)
    return Evaluator.create(this.net, this.device, dataset, this.#options.batchSize, stepOptions)
  }

  #stepOptions(dataset: Dataset, batchSize: number): StepOptions {
    const { microBatch, dtype, seed, precision } = this.#options
    const data = stepData(dataset)
    const chosen = chooseMicroBatch(this.device, batchSize, data.size, microBatch)
    return { data, classes: dataset.classes.length, batchSize, microBatch: chosen, dtype, seed, precision }
  }

  /** Reads a checkpoint and checks that it is of this very run. */
  async #readCheckpoint(path: string, layout: FlatLayout, train: Dataset): Promise<Checkpoint> {
    const checkpoint = await readCheckpoint(path)
    const { progress, parameters, momentum } = checkpoint
    const { seed, batchSize, optimizer } = this.#options
    const same = { seed, batchSize, samples: train.shape.count }
    for (const name of ['seed', 'batchSize', 'samples'] as const) {
      if (progress[name] !== same[name]) {
        throw new CheckpointError(
          `${path}: the run had ${name} ${String(progress[name])}; received ${String(same[name])}. ` +
            `A run goes on only as it began: use the same ${name}, or load the parameters with net.load(path) into a new run`,
        )
      }
    }
    const { epoch, step, metrics, history } = progress
    const steps = Math.ceil(same.samples / same.batchSize)
    const counted = metricsLength(train.classes.length)
    if (history.length !== epoch || step > steps || metrics.length !== counted) {
      throw new CheckpointError(
        `${path}: expected a result for each of ${epoch} epochs, at most ${steps} steps of the next and ${counted} metrics for ` +
          `${train.classes.length} classes; received ${history.length} results, ${step} steps and ${metrics.length} metrics`,
      )
    }
    const missing = layout.entries.find(({ key }) => momentum.get(key)?.length !== parameters.get(key)?.data.length)
    if (optimizer.momentum > 0 && missing) {
      throw new CheckpointError(
        `${path}: expected the momentum of ${missing.key}, since the optimizer has momentum; received none of its size`,
      )
    }
    return checkpoint
  }

  #nonFinite(step: number): NonFiniteLossError {
    const { checkpoint } = this.#options
    const kept = checkpoint === undefined ? '' : ` The last checkpoint, ${checkpoint}, is as it was.`
    return new NonFiniteLossError(
      `the loss became NaN or infinite in step ${String(step)}. Use a smaller learning rate, warm-up or clipGradNorm.${kept}`,
      step,
    )
  }
}

function requireFitOptions(options: FitOptions): void {
  requireOptions('fit', options, ['validation', 'signal', 'onProgress', 'onWarning', 'resume'])
  const { validation, signal, onProgress, onWarning, resume } = options
  if (validation !== undefined) requireDataset('fit: validation', validation)
  requireSignal('fit', signal)
  for (const [name, given] of Object.entries({ onProgress, onWarning }) as [string, unknown][]) {
    if (given === undefined || typeof given === 'function') continue
    throw new OptionError(`fit: ${name} must be a function; received ${describe(given)}`)
  }
  if (resume !== undefined && typeof (resume as unknown) !== 'string') {
    throw new OptionError(`fit: resume must be the path of a checkpoint; received ${describe(resume)}`)
  }
}

/** Not by `instanceof`, which fails for a signal of another realm. */
function requireSignal(where: string, signal: AbortSignal | undefined): void {
  const given: unknown = signal
  if (given === undefined || (typeof given === 'object' && given !== null && 'throwIfAborted' in given)) return
  throw new OptionError(`${where}: signal must be an AbortSignal; received ${describe(given)}`)
}

function summarize(epoch: number, metrics: Metrics, clock: Clock, test: Evaluation | undefined): Epoch {
  return {
    epoch: epoch + 1,
    loss: metrics.lossSum / metrics.samples,
    trainAccuracy: metrics.correct / metrics.samples,
    ...(test ? { testLoss: test.loss, testAccuracy: test.accuracy } : {}),
    // A run that was stopped during the evaluation trains no more in this epoch when it goes on.
    examplesPerSecond: clock.seconds > 0 ? clock.samples / clock.seconds : 0,
    seconds: clock.seconds,
  }
}

function progressOf(
  { lossSum, correct, samples }: Metrics,
  clock: Clock,
  epoch: number,
  epochs: number,
  step: number,
  stepsPerEpoch: number,
): Progress {
  const stepsLeft = (epochs - epoch) * stepsPerEpoch - step
  return {
    epoch: epoch + 1,
    epochs,
    step,
    stepsPerEpoch,
    loss: lossSum / samples,
    trainAccuracy: correct / samples,
    examplesPerSecond: clock.samples / clock.seconds,
    secondsLeft: (clock.seconds / clock.steps) * stepsLeft,
  }
}
