/** Learning-rate schedules: pure functions of the step. */
import { requireInteger, requireNumber, requireOptions } from '../check.js'
import { OptionError } from '../errors.js'
import { describe } from '../ops/check.js'
import type { SGD } from './sgd.js'

/**
 * The factor on the optimizer's learning rate.
 *
 * @param step from 0 to totalSteps - 1
 * @param totalSteps the steps of the whole run
 */
export type Schedule = (step: number, totalSteps: number) => number

/** Always 1. */
export function constant(): Schedule {
  return () => 1
}

export interface WarmupLinearDecayOptions {
  /** The share of the run over which the rate rises, in [0, 1]. */
  readonly warmup: number
  /** The share of the run at its end over which the rate falls, in [0, 1]. */
  readonly decay: number
}

/**
 * Rises linearly at first, then 1, at last falls linearly: min(1, (step + 1) / (warmup * totalSteps), (totalSteps -
 * step) / (decay * totalSteps)). It is never 0, so no step is wasted.
 *
 * @throws OptionError
 */
export function warmupLinearDecay(options: WarmupLinearDecayOptions): Schedule {
  requireOptions('warmupLinearDecay', options, ['warmup', 'decay'])
  const warmup = requireShare('warmupLinearDecay', 'warmup', options.warmup)
  const decay = requireShare('warmupLinearDecay', 'decay', options.decay)
  return (step, totalSteps) => {
    const rising = warmup > 0 ? (step + 1) / (warmup * totalSteps) : 1
    const falling = decay > 0 ? (totalSteps - step) / (decay * totalSteps) : 1
    return Math.min(1, rising, falling)
  }
}

/**
 * (1 + cos(pi * step / totalSteps)) / 2: falls from 1 towards 0.
 *
 * Loshchilov and Hutter, "SGDR: Stochastic gradient descent with warm restarts", ICLR 2017, without restarts.
 */
export function cosine(): Schedule {
  return (step, totalSteps) => (1 + Math.cos((Math.PI * step) / totalSteps)) / 2
}

export interface StepDecayOptions {
  /** The shares of the run after which the rate falls, each in [0, 1]. */
  readonly milestones: readonly number[]
  /** By which factor it falls each time; default 0.1. */
  readonly gamma?: number
}

/**
 * gamma to the power of how many milestones have passed, as torch.optim.lr_scheduler.MultiStepLR.
 *
 * @throws OptionError
 */
export function stepDecay(options: StepDecayOptions): Schedule {
  requireOptions('stepDecay', options, ['milestones', 'gamma'])
  const given: unknown = options.milestones
  if (!Array.isArray(given)) {
    throw new OptionError(`stepDecay: milestones must be an array of shares of the run; received ${describe(given)}`)
  }
  const milestones = options.milestones.map((share, i) => requireShare('stepDecay', `milestones[${i}]`, share))
  const gamma = requireNumber('stepDecay', 'gamma', options.gamma ?? 0.1, 0)
  return (step, totalSteps) => gamma ** milestones.filter((share) => step >= share * totalSteps).length
}

/**
 * The learning rate of each step of a run: the optimizer's times the schedule's factor.
 *
 * @throws OptionError if totalSteps is not a positive integer or the schedule gives NaN, an infinite or a negative
 * factor
 */
export function learningRates({ lr }: SGD, schedule: Schedule, totalSteps: number): Float32Array {
  requireInteger('learningRates', 'totalSteps', totalSteps, 1)
  return Float32Array.from(
    { length: totalSteps },
    (_, step) => lr * requireNumber('schedule', `the factor of step ${step}`, schedule(step, totalSteps), 0),
  )
}

function requireShare(where: string, name: string, value: number): number {
  if (requireNumber(where, name, value, 0) <= 1) return value
  throw new OptionError(`${where}: ${name} is a share of the run and must be at most 1; received ${describe(value)}`)
}
