/** Max pooling. */
import { requireOptions } from '../check.js'
import type { Tracer } from '../graph/trace.js'
import type { Size2d } from '../ops/check.js'
import { maxPool2d, type Pool2dOptions } from '../ops/maxPool2d.js'
import { Pool2d } from './pool2d.js'

/**
 * The largest element of each window: [N, C, H, W] -> [N, C, floor((H + 2 padding - kernelHeight) / stride) + 1,
 * likewise for W]. The stride is the kernel's size unless said otherwise. Rows and columns that do not fill a window
 * are dropped.
 *
 * @throws OptionError; a trace throws ShapeError if the input does not fit
 */
export class MaxPool2d extends Pool2d {
  constructor(kernelSize: Size2d, options: Pool2dOptions = {}) {
    requireOptions('MaxPool2d', options, ['stride', 'padding'])
    super(kernelSize, options)
  }

  forward(x: Tracer): Tracer {
    return maxPool2d(x, this.kernelSize, { stride: this.stride, padding: this.padding })
  }
}
