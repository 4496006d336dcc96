/** Average pooling to a given size. */
import type { Tracer } from '../graph/trace.js'
import { adaptiveAvgPool2d } from '../ops/avgPool2d.js'
import { pair, type Size2d } from '../ops/check.js'
import { Module } from './module.js'
import { printSize } from './print.js'

/**
 * The mean of each of outputSize windows that tile the input: [N, C, H, W] -> [N, C, outputHeight, outputWidth].
 *
 * @throws OptionError; a trace throws ShapeError if H and W are not multiples of outputSize
 */
export class AdaptiveAvgPool2d extends Module {
  readonly outputSize: readonly [number, number]

  constructor(outputSize: Size2d) {
    super()
    this.outputSize = pair('AdaptiveAvgPool2d', 'outputSize', outputSize, 1)
  }

  forward(x: Tracer): Tracer {
    return adaptiveAvgPool2d(x, this.outputSize)
  }

  protected override printArguments(): string {
    return printSize(this.outputSize)
  }
}
