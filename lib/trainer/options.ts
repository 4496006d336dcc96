/** What a Trainer is told, checked and completed with defaults. */
import { requireInteger, requireOneOf, requireOptions } from '../check.js'
import { resolveDevice, type Device, type DeviceName } from '../device.js'
import { DeviceError, OptionError } from '../errors.js'
import { matmulPrecisions, type MatmulPrecision } from '../graph/trace.js'
import type { Schedule } from '../optim/schedule.js'
import { constant } from '../optim/schedule.js'
import { SGD } from '../optim/sgd.js'
import { describe } from '../ops/check.js'

/** How activations are computed. Master weights, loss and update are float32 in all of them. */
export type Precision = 'float32' | 'tfloat32' | 'bfloat16'

export const precisions: readonly Precision[] = ['float32', 'tfloat32', 'bfloat16']

export interface TrainerOptions {
  /** Made by `optim.SGD`. */
  readonly optimizer: SGD
  /** Samples per step; the last step of an epoch takes what is left. */
  readonly batchSize: number
  readonly epochs: number
  /** The factor on the learning rate, by step. Default: constant. */
  readonly schedule?: Schedule
  /** Seed of initialisation, order and dropout, an integer in [0, 2^53). Default 0. */
  readonly seed?: number
  /** Default `auto`. */
  readonly device?: DeviceName | Device
  /** Default float32. */
  readonly dtype?: Precision
  /** Of convolutions and dense layers. Default `default`. */
  readonly precision?: MatmulPrecision
  /**
   * Samples that go through the network at a time. It changes memory and speed, not the result. Default: on the CPU chosen by
   * size, on a GPU all.
   */
  readonly microBatch?: number
  /** A file that is written at the end of each epoch and when training is stopped. Default: none. */
  readonly checkpoint?: string
  /** Texts that are written into the checkpoint's metadata, such as what is needed to build the network again. */
  readonly metadata?: Readonly<Record<string, string>>
}

/** What a graph is traced with. */
export type Rounding = Pick<ResolvedOptions, 'dtype' | 'precision'>

/** All options, with those that were left out. */
export type ResolvedOptions = Omit<Required<TrainerOptions>, 'microBatch' | 'checkpoint' | 'dtype'> & {
  readonly dtype: 'float32' | 'bfloat16'
  readonly microBatch: number | undefined
  readonly checkpoint: string | undefined
}

const names = [
  'optimizer',
  'batchSize',
  'epochs',
  'schedule',
  'seed',
  'device',
  'dtype',
  'precision',
  'microBatch',
  'checkpoint',
  'metadata',
] as const

/** Checks options and fills in defaults. Throws OptionError, DeviceError. */
export function resolveOptions(options: TrainerOptions): ResolvedOptions {
  requireOptions('Trainer', options, names)
  const optimizer: unknown = options.optimizer
  if (typeof optimizer !== 'object' || optimizer === null || !('lr' in optimizer)) {
    throw new OptionError(`Trainer: optimizer must be made by optim.SGD({ lr }); received ${describe(optimizer)}`)
  }
  const checkpoint: unknown = options.checkpoint
  if (checkpoint !== undefined && (typeof checkpoint !== 'string' || checkpoint === '')) {
    throw new OptionError(`Trainer: checkpoint must be the path of a file; received ${describe(checkpoint)}`)
  }
  const metadata: unknown = options.metadata ?? {}
  if (typeof metadata !== 'object' || Object.values(metadata!).some((text) => typeof text !== 'string')) {
    throw new OptionError(`Trainer: metadata must be an object of texts; received ${describe(metadata)}`)
  }
  const schedule = options.schedule ?? constant()
  if (typeof (schedule as unknown) !== 'function') {
    throw new OptionError(`Trainer: schedule must be a function of (step, totalSteps); received ${describe(schedule)}`)
  }
  const device = options.device ?? 'auto'
  return {
    optimizer: SGD(options.optimizer),
    batchSize: requireInteger('Trainer', 'batchSize', options.batchSize, 1),
    epochs: requireInteger('Trainer', 'epochs', options.epochs, 1),
    schedule,
    seed: requireInteger('Trainer', 'seed', options.seed ?? 0, 0),
    device,
    ...resolvePrecision('Trainer', options, device),
    microBatch:
      options.microBatch === undefined ? undefined : requireInteger('Trainer', 'microBatch', options.microBatch, 1),
    checkpoint: options.checkpoint,
    metadata: options.metadata ?? {},
  }
}

/**
 * The type of activations in memory, and how convolutions and dense layers are computed.
 *
 * @throws OptionError; DeviceError if the device has no such mode
 */
export function resolvePrecision(
  where: string,
  options: Pick<TrainerOptions, 'dtype' | 'precision'>,
  device: DeviceName | Device,
): Rounding {
  const dtype = requireOneOf(where, 'dtype', options.dtype ?? 'float32', precisions)
  const precision = requireOneOf(where, 'precision', options.precision ?? 'default', matmulPrecisions)
  if (dtype !== 'tfloat32') return { dtype, precision }
  if (resolveDevice(device).backend !== 'cudnn') {
    throw new DeviceError(`${where}: tfloat32 is a mode of NVIDIA GPUs; use float32 or bfloat16 on the CPU`)
  }
  // TF32 is float32 in memory.
  return { dtype: 'float32', precision: dtype }
}
