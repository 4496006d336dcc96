/** Average pooling with a window. */
import { requireBoolean, requireOptions } from '../check.js'
import type { Tracer } from '../graph/trace.js'
import { avgPool2d, type AvgPool2dOptions } from '../ops/avgPool2d.js'
import type { Size2d } from '../ops/check.js'
import { Pool2d } from './pool2d.js'

/**
 * The mean of each window: [N, C, H, W] -> [N, C, floor((H + 2 padding - kernelHeight) / stride) + 1, likewise for W].
 * The stride is the kernel's size unless said otherwise. Rows and columns that do not fill a window are dropped.
 *
 * @throws OptionError; a trace throws ShapeError if the input does not fit
 */
export class AvgPool2d extends Pool2d {
  /** Whether the zeros of the padding count in the mean. */
  readonly countIncludePad: boolean

  constructor(kernelSize: Size2d, options: AvgPool2dOptions = {}) {
    requireOptions('AvgPool2d', options, ['stride', 'padding', 'countIncludePad'])
    super(kernelSize, options)
    this.countIncludePad = requireBoolean('AvgPool2d', 'countIncludePad', options.countIncludePad ?? true)
  }

  forward(x: Tracer): Tracer {
    const { stride, padding, countIncludePad } = this
    return avgPool2d(x, this.kernelSize, { stride, padding, countIncludePad })
  }

  protected override options(): Record<string, string> {
    return { ...super.options(), countIncludePad: String(this.countIncludePad) }
  }
}
