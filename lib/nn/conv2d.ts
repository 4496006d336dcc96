/** 2-D convolution. */
import { requireInteger, requireOptions } from '../check.js'
import type { Tracer } from '../graph/trace.js'
import { pair, requireRank, type Size2d } from '../ops/check.js'
import { conv2d } from '../ops/conv2d.js'
import { Affine } from './affine.js'
import { printOptions, printSize } from './print.js'

export interface Conv2dLayerOptions {
  /** How far the kernel moves; default 1. */
  readonly stride?: Size2d
  /** Zeros on each side; default 0. */
  readonly padding?: Size2d
  /** Whether there is a bias per output channel; default true. */
  readonly bias?: boolean
}

abstract class Convolution extends Affine {
  readonly outChannels: number
  readonly kernelSize: readonly [number, number]
  readonly stride: readonly [number, number]
  readonly padding: readonly [number, number]

  constructor(inChannels: number | undefined, outChannels: number, kernelSize: Size2d, options: Conv2dLayerOptions) {
    const layer = new.target.name
    requireOptions(layer, options, ['stride', 'padding', 'bias'])
    const kernel = pair(layer, 'kernelSize', kernelSize, 1)
    super(requireInteger(layer, 'outChannels', outChannels, 1), inChannels, kernel, options.bias ?? true)
    this.outChannels = outChannels
    this.kernelSize = kernel
    this.stride = pair(layer, 'stride', options.stride ?? 1, 1)
    this.padding = pair(layer, 'padding', options.padding ?? 0, 0)
  }

  forward(x: Tracer): Tracer {
    requireRank(this.constructor.name, 'x', x, 4, '[N, C, H, W]')
    this.seeInput(x)
    const bias = this.bias && x.lift(this.bias)
    return conv2d(x, x.lift(this.weight), bias, { stride: this.stride, padding: this.padding })
  }

  protected override printArguments(): string {
    const options = {
      stride: printSize(this.stride),
      padding: printSize(this.padding),
      bias: String(this.bias !== undefined),
    }
    return [
      ...this.printInputs(),
      this.outChannels,
      printSize(this.kernelSize),
      ...printOptions(options, { stride: '1', padding: '0', bias: 'true' }),
    ].join(', ')
  }
}

/**
 * 2-D convolution with a weight [outChannels, inChannels, kernelHeight, kernelWidth] and a bias [outChannels]:
 * [N, inChannels, H, W] -> [N, outChannels, floor((H + 2 padding - kernelHeight) / stride) + 1, likewise for W].
 *
 * @throws OptionError; a trace throws ShapeError if the input does not fit
 */
export class Conv2d extends Convolution {
  constructor(inChannels: number, outChannels: number, kernelSize: Size2d, options: Conv2dLayerOptions = {}) {
    super(requireInteger('Conv2d', 'inChannels', inChannels, 1), outChannels, kernelSize, options)
  }
}

/**
 * A `Conv2d` that takes its number of input channels from the first input.
 *
 * @throws OptionError; a trace throws ShapeError if the input does not fit
 */
export class LazyConv2d extends Convolution {
  constructor(outChannels: number, kernelSize: Size2d, options: Conv2dLayerOptions = {}) {
    super(undefined, outChannels, kernelSize, options)
  }

  override toString(): string {
    return this.weight.isLazy ? super.toString() : `Conv2d(${this.printArguments()})`
  }
}
