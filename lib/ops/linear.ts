/** The dense layer and its two backward products. */
import { applyOp } from './apply.js'
import { requireOneOf } from '../check.js'
import { ShapeError } from '../errors.js'
import { matmulPrecisions, type MatmulPrecision } from '../graph/trace.js'
import { weightGradients } from './conv2d.js'
import { describeShape, dimensions2, requireActivation, requireDType, requireRank, requireShape } from './check.js'
import type { Operand, OpDefinition } from './op.js'
import { reluBackwardOp } from './relu.js'

/** x [N,I], w [O,I], bias [O] or absent -> y [N,O]; attributes precision, relu. */
export const linearOp: OpDefinition = {
  name: 'linear',
  hasPrecision: true,
  infer([x, w, bias]) {
    requireActivation('linear', 'x', x!)
    requireRank('linear', 'x', x!, 2, '[N, inFeatures]')
    requireDType('linear', 'weight', w!, ['float32'])
    requireRank('linear', 'weight', w!, 2, '[outFeatures, inFeatures]')
    const [n, features] = dimensions2(x!)
    const [outFeatures, inFeatures] = dimensions2(w!)
    if (features !== inFeatures) {
      throw new ShapeError(
        `linear: weight ${describeShape(w!.shape)} expects ${String(inFeatures)} input features; ` +
          `x ${describeShape(x!.shape)} has ${String(features)}`,
      )
    }
    if (bias) {
      requireDType('linear', 'bias', bias, ['float32'])
      requireShape('linear', 'bias', bias, [outFeatures])
    }
    return [{ shape: [n, outFeatures], dtype: x!.dtype }]
  },
  differentiate({ attributes, inputs: [x, w, bias], outputs: [y], wanted }, [gradient]) {
    const { relu, ...rounding } = attributes
    const dy = relu ? gradient!.apply(reluBackwardOp, {}, [gradient!, y!]) : gradient!
    const dx = wanted[0] ? dy.apply(linearBackwardDataOp, { ...rounding, relu: false }, [dy, w!]) : undefined
    if (!wanted[1] && !wanted[2]) return [dx]
    const weightAttributes = { ...rounding, weightShape: w!.shape, bias: bias !== undefined, accumulate: false }
    const [dw, dbias] = dy.builder.apply(linearBackwardWeightsOp, weightAttributes, [x!, dy])
    return [dx, dw, dbias]
  },
  flops: ([x, w]) => 2 * x!.shape[0]! * w!.shape[0]! * w!.shape[1]!,
}

/** dy [N,O], w [O,I] -> dx [N,I]. If `relu`, y [N,I] follows w: dx is 0 where y is not above 0. */
export const linearBackwardDataOp: OpDefinition = {
  name: 'linearBackwardData',
  hasPrecision: true,
  infer([dy, w]) {
    return [{ shape: [dy!.shape[0]!, w!.shape[1]!], dtype: dy!.dtype }]
  },
  flops: ([dy, w]) => 2 * dy!.shape[0]! * w!.shape[0]! * w!.shape[1]!,
}

/** x [N,I], dy [N,O] -> dw [O,I] and, if `bias`, dbias [O]; float32. */
export const linearBackwardWeightsOp: OpDefinition = {
  name: 'linearBackwardWeights',
  hasPrecision: true,
  accumulates: true,
  optionalOutputsFrom: 1,
  infer(_inputs, attributes) {
    return weightGradients(attributes)
  },
  flops: ([x, dy]) => 2 * x!.shape[0]! * x!.shape[1]! * dy!.shape[1]!,
}

/** How products are rounded. */
export interface LinearOptions {
  /** Default: that of the trace, which is `default`. */
  readonly precision?: MatmulPrecision
}

/**
 * y = x * weight^T + bias.
 *
 * @param x float32 or bfloat16 [N, I]
 * @param weight float32 [O, I]
 * @param bias float32 [O]
 * @returns [N, O], x's type
 * @throws ShapeError, DTypeError, OptionError
 */
export function linear<R>(x: Operand<R>, weight: Operand<R>, bias?: Operand<R>, options: LinearOptions = {}): R {
  const attributes = {
    relu: false,
    ...(options.precision !== undefined && {
      precision: requireOneOf('linear', 'precision', options.precision, matmulPrecisions),
    }),
  }
  return applyOp(linearOp, attributes, bias ? [x, weight, bias] : [x, weight])
}
