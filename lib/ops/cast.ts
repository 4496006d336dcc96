/** Conversion between float32 and bfloat16. */
import { applyOp } from './apply.js'
import type { DType } from '../graph/graph.js'
import { requireActivation } from './check.js'
import type { Operand, OpDefinition } from './op.js'

export const castOp: OpDefinition = {
  name: 'cast',
  infer([x], { dtype }) {
    requireActivation('cast', 'x', x!)
    const y = { shape: x!.shape, dtype: dtype as DType }
    requireActivation('cast', 'the result', y)
    return [y]
  },
  differentiate({ inputs }, [dy]) {
    return [cast(dy!, inputs[0]!.dtype as 'float32' | 'bfloat16')]
  },
}

/**
 * x in another floating-point type, rounded to nearest even.
 *
 * @param x float32 or bfloat16, any shape
 * @param dtype the type of the result
 * @throws DTypeError if either is another type
 */
export function cast<R>(x: Operand<R>, dtype: 'float32' | 'bfloat16'): R {
  return applyOp(castOp, { dtype }, [x])
}
