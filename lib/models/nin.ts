/**
 * Network in Network.
 *
 * Lin, Chen and Yan, "Network in network", ICLR 2014; sizes as in Zhang, Lipton, Li and Smola, "Dive into deep
 * learning".
 */
import { requireBoolean, requireInteger, requireNumber, requireOneOf, requireOptions } from '../check.js'
import { OptionError } from '../errors.js'
import {
  AdaptiveAvgPool2d,
  AvgPool2d,
  Conv2d,
  Dropout,
  Flatten,
  GlobalAvgPool2d,
  LazyConv2d,
  MaxPool2d,
  type Module,
  ReLU,
  Sequential,
} from '../nn/index.js'
import { describe, type Size2d } from '../ops/check.js'

export interface NinBlockOptions {
  readonly kernelSize: Size2d
  /** Default 1. */
  readonly stride?: Size2d
  /** Default 0. */
  readonly padding?: Size2d
  /** How many 1x1 convolutions follow the first; default 2. */
  readonly depth?: number
  /** Whether a ReLU follows the last convolution; default true. */
  readonly lastRelu?: boolean
}

/**
 * A convolution and `depth` 1x1 convolutions, each with a ReLU behind it: a small dense network slid over the image.
 * [N, inChannels, H, W] -> [N, outChannels, H', W'], where H' and W' are those of the first convolution.
 *
 * @throws OptionError
 */
export function ninBlock(inChannels: number, outChannels: number, options: NinBlockOptions): Sequential {
  requireOptions('ninBlock', options, ['kernelSize', 'stride', 'padding', 'depth', 'lastRelu'])
  const { kernelSize, stride = 1, padding = 0, depth = 2, lastRelu = true } = options
  requireInteger('ninBlock', 'depth', depth, 0)
  requireBoolean('ninBlock', 'lastRelu', lastRelu)
  const convolutions = [
    new Conv2d(inChannels, outChannels, kernelSize, { stride, padding }),
    ...Array.from({ length: depth }, () => new Conv2d(outChannels, outChannels, 1)),
  ]
  const layers = convolutions.flatMap((convolution) => [convolution, new ReLU()])
  return new Sequential(...(lastRelu ? layers : layers.slice(0, -1)))
}

export interface MlpconvOptions {
  /** How far the first convolution moves; default 1. */
  readonly strides?: Size2d
  /** Whether a max pooling of 3x3 with stride 2 comes last; default true. */
  readonly maxPooling?: boolean
  /** How many 1x1 convolutions follow the first; default 2. */
  readonly depth?: number
}

/**
 * A NiN block with its pooling inside, whose input channels are those of its first input.
 *
 * @example mlpconv(64, 3, 0) takes [32, 3, 16, 16] to [32, 64, 6, 6]
 * @throws OptionError
 */
export function mlpconv(channels: number, kernel: Size2d, padding: Size2d, options: MlpconvOptions = {}): Sequential {
  requireOptions('mlpconv', options, ['strides', 'maxPooling', 'depth'])
  const { strides = 1, maxPooling = true, depth = 2 } = options
  requireBoolean('mlpconv', 'maxPooling', maxPooling)
  requireInteger('mlpconv', 'depth', depth, 0)
  const convolutions = [
    new LazyConv2d(channels, kernel, { stride: strides, padding }),
    ...Array.from({ length: depth }, () => new LazyConv2d(channels, 1)),
  ]
  const layers = convolutions.flatMap((convolution) => [convolution, new ReLU()])
  return new Sequential(...layers, ...(maxPooling ? [pool()] : []))
}

/** The published networks. */
export const ninVariants = ['d2l', 'no-last-relu', 'mlpconv'] as const

/** Which of the published networks. */
export type NiNVariant = (typeof ninVariants)[number]

export interface NiNOptions {
  /**
   * `d2l` (default): a ReLU behind every convolution, pooling between the blocks, AdaptiveAvgPool2d. `no-last-relu`: no
   * ReLU behind a block's last convolution, GlobalAvgPool2d. `mlpconv`: pooling in the blocks, AvgPool2d(5), so that
   * the image must be 224x224 or near it.
   */
  readonly variant?: NiNVariant
  /** Default 10. */
  readonly numClasses?: number
  /** Default 1. `mlpconv` takes it from its first input instead. */
  readonly inChannels?: number
  /** The channels of the first three blocks; default [96, 256, 384]. */
  readonly channels?: readonly [number, number, number]
  /** How many 1x1 convolutions each block has; default 2. */
  readonly blockDepth?: number
  /** The probability to drop an element in front of the last block; default 0.5. */
  readonly dropout?: number
}

/**
 * Network in Network for images [N, inChannels, H, W] -> logits [N, numClasses].
 *
 * Three blocks (11x11 stride 4; 5x5 padding 2; 3x3 padding 1), each with a max pooling of 3x3 with stride 2 behind it,
 * dropout, a fourth block (3x3 padding 1) with a channel per class, and the mean of each channel. With the defaults
 * 1,992,166 parameters.
 *
 * @throws OptionError
 */
export class NiN extends Sequential {
  /** All options, those that were left out too: `new NiN(net.options)` is the same network. Frozen. */
  readonly options: Readonly<Required<NiNOptions>>

  constructor(options: NiNOptions = {}) {
    const resolved = resolveOptions(options)
    super(...layers[resolved.variant](resolved))
    this.options = resolved
  }
}

type ResolvedOptions = NiN['options']

function resolveOptions(options: NiNOptions): ResolvedOptions {
  const names = ['variant', 'numClasses', 'inChannels', 'channels', 'blockDepth', 'dropout'] as const
  requireOptions('NiN', options, names)
  return Object.freeze({
    variant: requireOneOf('NiN', 'variant', options.variant ?? 'd2l', ninVariants),
    numClasses: requireInteger('NiN', 'numClasses', options.numClasses ?? 10, 1),
    inChannels: requireInteger('NiN', 'inChannels', options.inChannels ?? 1, 1),
    channels: requireChannels(options.channels ?? [96, 256, 384]),
    blockDepth: requireInteger('NiN', 'blockDepth', options.blockDepth ?? 2, 0),
    dropout: requireNumber('NiN', 'dropout', options.dropout ?? 0.5, 0, 1),
  })
}

const layers: Readonly<Record<NiNVariant, (options: ResolvedOptions) => Module[]>> = {
  d2l: (options) => [...blocks(options, true), new AdaptiveAvgPool2d(1), new Flatten()],
  'no-last-relu': (options) => [...blocks(options, false), new GlobalAvgPool2d(), new Flatten()],
  mlpconv: ({ numClasses, channels: [first, second, third], blockDepth: depth, dropout }) => [
    mlpconv(first, 11, 0, { strides: 4, depth }),
    mlpconv(second, 5, 2, { depth }),
    mlpconv(third, 3, 1, { depth }),
    new Dropout(dropout),
    mlpconv(numClasses, 3, 1, { maxPooling: false, depth }),
    new AvgPool2d(5),
    new Flatten(),
  ],
}

function blocks(options: ResolvedOptions, lastRelu: boolean): Module[] {
  const { numClasses, inChannels, channels, blockDepth: depth, dropout } = options
  const [first, second, third] = channels
  return [
    ninBlock(inChannels, first, { kernelSize: 11, stride: 4, depth, lastRelu }),
    pool(),
    ninBlock(first, second, { kernelSize: 5, padding: 2, depth, lastRelu }),
    pool(),
    ninBlock(second, third, { kernelSize: 3, padding: 1, depth, lastRelu }),
    pool(),
    new Dropout(dropout),
    ninBlock(third, numClasses, { kernelSize: 3, padding: 1, depth, lastRelu }),
  ]
}

function pool(): MaxPool2d {
  return new MaxPool2d(3, { stride: 2 })
}

function requireChannels(channels: readonly [number, number, number]): readonly [number, number, number] {
  const given: unknown = channels
  if (Array.isArray(given) && given.length === 3 && given.every((size) => Number.isSafeInteger(size) && size >= 1)) {
    return Object.freeze([...channels] as const)
  }
  throw new OptionError(`NiN: channels must be three integers >= 1; received ${describe(given)}`)
}
