/** Element-wise sum. */
import { applyOp } from './apply.js'
import { requireActivation, requireDType, requireShape } from './check.js'
import type { Operand, OpDefinition } from './op.js'

export const addOp: OpDefinition = {
  name: 'add',
  inPlace: true,
  infer([a, b]) {
    requireActivation('add', 'a', a!)
    requireShape('add', 'b', b!, a!.shape)
    requireDType('add', 'b', b!, [a!.dtype])
    return [a!]
  },
  differentiate(_node, [dy]) {
    return [dy, dy]
  },
}

/**
 * a + b, element by element, without broadcasting.
 *
 * @param a float32 or bfloat16, any shape
 * @param b of the same shape and type
 * @throws ShapeError, DTypeError if they differ
 */
export function add<R>(a: Operand<R>, b: Operand<R>): R {
  return applyOp(addOp, {}, [a, b])
}
