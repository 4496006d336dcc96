/** Max pooling. */
import { applyOp } from './apply.js'
import { OptionError } from '../errors.js'
import { dimensions4, pair, requireActivation, requireRank, type Size2d } from './check.js'
import type { TensorSpec } from '../graph/graph.js'
import type { Attributes } from '../native/binding.js'
import { slide } from './conv2d.js'
import type { Operand, OpDefinition } from './op.js'

/** How a pooling window moves. */
export interface Pool2dOptions {
  /** Default: the kernel's size, so that windows do not overlap. */
  readonly stride?: Size2d
  /** On each side, at most half of the kernel's size; default 0. */
  readonly padding?: Size2d
}

/** x [N,C,H,W] -> y, and the index by which the gradient finds its way back. */
export const maxPool2dOp: OpDefinition = {
  name: 'maxPool2d',
  optionalOutputsFrom: 1,
  infer([x], attributes) {
    return [inferPooled('maxPool2d', x!, attributes), { shape: [0], dtype: 'opaque' }]
  },
  differentiate({ attributes, inputs: [x], outputs: [, index] }, [dy]) {
    return [dy!.apply(maxPool2dBackwardOp, { ...attributes, relu: false, inputShape: x!.shape }, [dy!, index!])]
  },
}

/** dy, index -> dx of shape `inputShape`. If `relu`, y of dx's shape follows index: dx is 0 where y is not above 0. */
export const maxPool2dBackwardOp: OpDefinition = {
  name: 'maxPool2dBackward',
  infer([dy], { inputShape }) {
    return [{ shape: inputShape as number[], dtype: dy!.dtype }]
  },
}

/** Each [height, width]. */
export type PoolAttributes = Readonly<Record<'kernelSize' | 'stride' | 'padding', [number, number]>>

/** What a pooling op makes of x [N,C,H,W]. Throws ShapeError, DTypeError. */
export function inferPooled(op: string, x: TensorSpec, { kernelSize, stride, padding }: Attributes): TensorSpec {
  requireActivation(op, 'x', x)
  requireRank(op, 'x', x, 4, '[N, C, H, W]')
  const [n, c, height, width] = dimensions4(x)
  const size = slide(op, [height, width], kernelSize as number[], stride as number[], padding as number[])
  return { shape: [n, c, ...size], dtype: x.dtype }
}

/** The attributes of a pooling op. Throws OptionError. */
export function poolAttributes(op: string, kernelSize: Size2d, options: Pool2dOptions): PoolAttributes {
  const kernel = pair(op, 'kernelSize', kernelSize, 1)
  const stride = pair(op, 'stride', options.stride ?? kernelSize, 1)
  const padding = pair(op, 'padding', options.padding ?? 0, 0)
  if (padding.some((size, i) => 2 * size > kernel[i]!)) {
    throw new OptionError(
      `${op}: padding must be at most half of kernelSize [${kernel.join(', ')}]; received [${padding.join(', ')}]`,
    )
  }
  return { kernelSize: kernel, stride, padding }
}

/**
 * The largest element of each window. Padding counts as minus infinity; rows and columns that do not fill a window are
 * dropped.
 *
 * @param x float32 or bfloat16 [N, C, H, W]
 * @returns [N, C, floor((H + 2 padding - kernelHeight) / stride) + 1, likewise for W]
 * @throws ShapeError, DTypeError, OptionError
 */
export function maxPool2d<R>(x: Operand<R>, kernelSize: Size2d, options: Pool2dOptions = {}): R {
  return applyOp(maxPool2dOp, poolAttributes('maxPool2d', kernelSize, options), [x])
}
