/** Recipes: everything that decides how a network learns, as data. */
import type { Normalization } from '../data/dataset.js'
import { constant, dirac, kaimingNormal, xavierUniform, zeros } from '../init/index.js'
import type { InitRule } from '../nn/index.js'
import { schedule, type Schedule, SGD } from '../optim/index.js'
import type { NiNVariant } from './nin.js'

export interface Recipe {
  readonly variant: NiNVariant
  /** The height and width that images are resized to. */
  readonly resize: number
  readonly batchSize: number
  readonly epochs: number
  readonly optimizer: SGD
  readonly schedule: Schedule
  /** What makes the parameters' first values. */
  readonly initialize: InitRule
  /** How images of one channel are normalised; undefined: not at all. */
  readonly normalize: Normalization | undefined
}

/** A block of fewer channels is one of classes. */
const fewChannels = 32

/**
 * 1x1 convolutions start as the identity, whose ReLU is idempotent, so that a NiN begins as a plain network of its four
 * larger convolutions; those start Kaiming normal.
 *
 * Biases start at zero, but at 1/2 where there are few channels: in the last block, with one per class. A class whose ReLU is 0
 * for all images from the start gets no gradient and may never be predicted; to raise all logits alike changes no probability.
 */
export const identityRule: InitRule = (name, shape) => {
  const [channels, , height, width] = shape
  if (name === 'bias') return channels! < fewChannels ? constant(0.5) : zeros()
  return height === 1 && width === 1 ? dirac() : kaimingNormal()
}

/** Weights start Xavier uniform; biases as the layer does. */
export const xavierRule: InitRule = (name) => (name === 'weight' ? xavierUniform() : undefined)

/** A recipe's name. */
export type RecipeName = 'fast' | 'd2l' | 'mlpconv'

/** The recipes by name. */
export const recipes: Readonly<Record<RecipeName, Recipe>> = {
  /** Learns Fashion-MNIST in one epoch. The normalisation is that of its training images. */
  fast: {
    variant: 'd2l',
    resize: 96,
    batchSize: 64,
    epochs: 1,
    optimizer: SGD({ lr: 0.05, momentum: 0.9, nesterov: true, clipGradNorm: 1 }),
    schedule: schedule.warmupLinearDecay({ warmup: 0.15, decay: 0.6 }),
    initialize: identityRule,
    normalize: { mean: [0.286], std: [0.353] },
  },
  /** "Dive into deep learning", section "Network in network (NiN)". */
  d2l: {
    variant: 'd2l',
    resize: 224,
    batchSize: 128,
    epochs: 10,
    optimizer: SGD({ lr: 0.1 }),
    schedule: schedule.constant(),
    initialize: xavierRule,
    normalize: undefined,
  },
  /** The first edition's, with pooling in the blocks and biases that start at zero. */
  mlpconv: {
    variant: 'mlpconv',
    resize: 224,
    batchSize: 64,
    epochs: 1,
    optimizer: SGD({ lr: 0.1 }),
    schedule: schedule.constant(),
    initialize: (name) => (name === 'weight' ? xavierUniform() : zeros()),
    normalize: undefined,
  },
}
