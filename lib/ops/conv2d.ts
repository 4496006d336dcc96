/** 2-D convolution (cross-correlation, as in every deep-learning library) and its two backward products. */
import { applyOp } from './apply.js'
import { requireOneOf } from '../check.js'
import { ShapeError } from '../errors.js'
import type { TensorSpec } from '../graph/graph.js'
import { matmulPrecisions, type MatmulPrecision } from '../graph/trace.js'
import type { Attributes } from '../native/binding.js'
import {
  describeShape,
  dimensions4,
  pair,
  requireActivation,
  requireDType,
  requireRank,
  requireShape,
  type Size2d,
} from './check.js'
import type { Operand, OpDefinition } from './op.js'
import { reluBackwardOp } from './relu.js'

/** The output size of a window that slides: floor((size + 2 padding - kernel) / stride) + 1. */
export function slide(
  op: string,
  size: readonly number[],
  kernel: readonly number[],
  stride: readonly number[],
  padding: readonly number[],
): [number, number] {
  const output = [0, 1].map((i) => {
    const padded = size[i]! + 2 * padding[i]!
    if (kernel[i]! > padded) {
      throw new ShapeError(
        `${op}: the kernel ${describeShape(kernel)} is larger than the padded input ` +
          `[${String(size[0]! + 2 * padding[0]!)}, ${String(size[1]! + 2 * padding[1]!)}]; ` +
          `use a larger input, a smaller kernel or more padding`,
      )
    }
    return Math.floor((padded - kernel[i]!) / stride[i]!) + 1
  })
  return output as [number, number]
}

function multiplyAdds(y: TensorSpec, weightShape: readonly number[]): number {
  const [n, , height, width] = dimensions4(y)
  return 2 * n * height * width * weightShape.reduce((product, size) => product * size, 1)
}

/** x [N,C,H,W], w [O,C,kh,kw], bias [O] or absent -> y [N,O,H',W']; attributes stride, padding, precision, relu. */
export const conv2dOp: OpDefinition = {
  name: 'conv2d',
  hasPrecision: true,
  infer([x, w, bias], { stride, padding }) {
    requireActivation('conv2d', 'x', x!)
    requireRank('conv2d', 'x', x!, 4, '[N, C, H, W]')
    requireDType('conv2d', 'weight', w!, ['float32'])
    requireRank('conv2d', 'weight', w!, 4, '[outChannels, inChannels, kernelHeight, kernelWidth]')
    const [n, channels, height, width] = dimensions4(x!)
    const [outChannels, inChannels, kernelHeight, kernelWidth] = dimensions4(w!)
    if (channels !== inChannels) {
      throw new ShapeError(
        `conv2d: weight ${describeShape(w!.shape)} expects ${String(inChannels)} input channels; ` +
          `x ${describeShape(x!.shape)} has ${String(channels)}`,
      )
    }
    if (bias) {
      requireDType('conv2d', 'bias', bias, ['float32'])
      requireShape('conv2d', 'bias', bias, [outChannels])
    }
    const size = slide(
      'conv2d',
      [height, width],
      [kernelHeight, kernelWidth],
      stride as number[],
      padding as number[],
    )
    return [{ shape: [n, outChannels, ...size], dtype: x!.dtype }]
  },
  differentiate({ attributes, inputs: [x, w, bias], outputs: [y], wanted }, [gradient]) {
    const { relu, ...window } = attributes
    const dy = relu ? gradient!.apply(reluBackwardOp, {}, [gradient!, y!]) : gradient!
    const dataAttributes = { ...window, relu: false, inputShape: x!.shape }
    const dx = wanted[0] ? dy.apply(conv2dBackwardDataOp, dataAttributes, [dy, w!]) : undefined
    if (!wanted[1] && !wanted[2]) return [dx]
    const weightAttributes = { ...window, weightShape: w!.shape, bias: bias !== undefined, accumulate: false }
    const [dw, dbias] = dy.builder.apply(conv2dBackwardWeightsOp, weightAttributes, [x!, dy])
    return [dx, dw, dbias]
  },
  flops: ([, w], [y]) => multiplyAdds(y!, w!.shape),
}

/** dy, w -> dx of shape `inputShape`. If `relu`, y of dx's shape follows w: dx is 0 where y is not above 0. */
export const conv2dBackwardDataOp: OpDefinition = {
  name: 'conv2dBackwardData',
  hasPrecision: true,
  infer([dy], { inputShape }) {
    return [{ shape: inputShape as number[], dtype: dy!.dtype }]
  },
  flops: ([dy, w]) => multiplyAdds(dy!, w!.shape),
}

/** x, dy -> dw of shape `weightShape` and, if `bias`, dbias; float32. */
export const conv2dBackwardWeightsOp: OpDefinition = {
  name: 'conv2dBackwardWeights',
  hasPrecision: true,
  accumulates: true,
  optionalOutputsFrom: 1,
  infer(_inputs, attributes) {
    return weightGradients(attributes)
  },
  flops: ([, dy], [dw]) => multiplyAdds(dy!, dw!.shape),
}

/** The outputs of a backward-weights op: dw and, if the layer has a bias, dbias. */
export function weightGradients({ weightShape, bias }: Attributes): TensorSpec[] {
  const shape = weightShape as number[]
  const dw: TensorSpec = { shape, dtype: 'float32' }
  return bias ? [dw, { shape: [shape[0]!], dtype: 'float32' }] : [dw]
}

/** How the kernel moves. */
export interface Conv2dOptions {
  /** Default 1. */
  readonly stride?: Size2d
  /** Zeros on each side; default 0. */
  readonly padding?: Size2d
  /** Default: that of the trace, which is `default`. */
  readonly precision?: MatmulPrecision
}

/**
 * 2-D convolution: y[n, o, i, j] = bias[o] + sum over c, k, l of x[n, c, i * stride + k - padding, j * stride + l - padding] *
 * weight[o, c, k, l].
 *
 * @param x float32 or bfloat16 [N, C, H, W]
 * @param weight float32 [O, C, kernelHeight, kernelWidth]
 * @param bias float32 [O]
 * @returns [N, O, floor((H + 2 padding - kernelHeight) / stride) + 1, likewise for W], x's type
 * @throws ShapeError, DTypeError, OptionError
 */
export function conv2d<R>(x: Operand<R>, weight: Operand<R>, bias?: Operand<R>, options: Conv2dOptions = {}): R {
  const attributes = {
    stride: pair('conv2d', 'stride', options.stride ?? 1, 1),
    padding: pair('conv2d', 'padding', options.padding ?? 0, 0),
    relu: false,
    ...(options.precision !== undefined && {
      precision: requireOneOf('conv2d', 'precision', options.precision, matmulPrecisions),
    }),
  }
  return applyOp(conv2dOp, attributes, bias ? [x, weight, bias] : [x, weight])
}
