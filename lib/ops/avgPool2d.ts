/** Average pooling, with a window or to a given size. */
import { applyOp, requireOperand } from './apply.js'
import { ShapeError } from '../errors.js'
import { describeShape, pair, requireRank, type Size2d } from './check.js'
import { inferPooled, poolAttributes, type Pool2dOptions } from './maxPool2d.js'
import type { Operand, OpDefinition } from './op.js'

export interface AvgPool2dOptions extends Pool2dOptions {
  /** Whether the zeros of the padding count in the mean; default true. */
  readonly countIncludePad?: boolean
}

/** x [N,C,H,W] -> y. */
export const avgPool2dOp: OpDefinition = {
  name: 'avgPool2d',
  infer([x], attributes) {
    return [inferPooled('avgPool2d', x!, attributes)]
  },
  differentiate({ attributes, inputs: [x] }, [dy]) {
    return [dy!.apply(avgPool2dBackwardOp, { ...attributes, relu: false, inputShape: x!.shape }, [dy!])]
  },
}

/** dy -> dx of shape `inputShape`. If `relu`, y of dx's shape follows dy: dx is 0 where y is not above 0. */
export const avgPool2dBackwardOp: OpDefinition = {
  name: 'avgPool2dBackward',
  infer([dy], { inputShape }) {
    return [{ shape: inputShape as number[], dtype: dy!.dtype }]
  },
}

/**
 * The mean of each window.
 *
 * @param x float32 or bfloat16 [N, C, H, W]
 * @returns [N, C, floor((H + 2 padding - kernelHeight) / stride) + 1, likewise for W]
 * @throws ShapeError, DTypeError, OptionError
 */
export function avgPool2d<R>(x: Operand<R>, kernelSize: Size2d, options: AvgPool2dOptions = {}): R {
  const attributes = poolAttributes('avgPool2d', kernelSize, options)
  return applyOp(avgPool2dOp, { ...attributes, countIncludePad: options.countIncludePad ?? true }, [x])
}

/**
 * The mean of each of outputSize windows that tile the input.
 *
 * @param x float32 or bfloat16 [N, C, H, W]; H and W are multiples of outputSize
 * @param outputSize 1 is global average pooling
 * @returns [N, C, outputHeight, outputWidth]
 * @throws ShapeError if the windows would differ in size; DTypeError, OptionError
 */
export function adaptiveAvgPool2d<R>(x: Operand<R>, outputSize: Size2d): R {
  const output = pair('adaptiveAvgPool2d', 'outputSize', outputSize, 1)
  requireOperand('adaptiveAvgPool2d', x)
  requireRank('adaptiveAvgPool2d', 'x', x, 4, '[N, C, H, W]')
  const size = x.shape.slice(2)
  if (size.some((length, i) => length % output[i]! !== 0)) {
    throw new ShapeError(
      `adaptiveAvgPool2d: the input's height and width must be multiples of outputSize ${describeShape(output)}; ` +
        `received ${describeShape(x.shape)}`,
    )
  }
  return avgPool2d(x, [size[0]! / output[0], size[1]! / output[1]])
}
