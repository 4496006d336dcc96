/** Rectified linear unit. */
import { applyOp } from './apply.js'
import { requireActivation, requireShape } from './check.js'
import type { Operand, OpDefinition } from './op.js'

export const reluOp: OpDefinition = {
  name: 'relu',
  inPlace: true,
  infer([x]) {
    requireActivation('relu', 'x', x!)
    return [x!]
  },
  differentiate({ outputs }, [dy]) {
    return [dy!.apply(reluBackwardOp, {}, [dy!, outputs[0]!])]
  },
}

/** dx = dy where y > 0, else 0; y is relu's output. */
export const reluBackwardOp: OpDefinition = {
  name: 'reluBackward',
  inPlace: true,
  infer([dy, y]) {
    requireShape('reluBackward', 'dy', dy!, y!.shape)
    return [dy!]
  },
}

/**
 * max(x, 0), element by element.
 *
 * @param x float32 or bfloat16, any shape
 * @throws DTypeError if x is of another type
 */
export function relu<R>(x: Operand<R>): R {
  return applyOp(reluOp, {}, [x])
}
