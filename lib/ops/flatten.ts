/** Flattening to rows. */
import { applyOp } from './apply.js'
import { ShapeError } from '../errors.js'
import { elementCount } from '../graph/graph.js'
import { describeShape, requireActivation } from './check.js'
import type { Operand, OpDefinition } from './op.js'

/** x [N,C,H,W] -> y [N,C*H*W], in logical order. */
export const flattenOp: OpDefinition = {
  name: 'flatten',
  infer([x]) {
    requireActivation('flatten', 'x', x!)
    if (x!.shape.length < 2) {
      throw new ShapeError(`flatten: x must have at least 2 dimensions [N, ...]; received ${describeShape(x!.shape)}`)
    }
    return [{ shape: [x!.shape[0]!, elementCount(x!.shape.slice(1))], dtype: x!.dtype }]
  },
  differentiate({ inputs: [x] }, [dy]) {
    return [dy!.apply(unflattenOp, { inputShape: x!.shape }, [dy!])]
  },
}

/** y [N,C*H*W] -> x of shape `inputShape`. */
export const unflattenOp: OpDefinition = {
  name: 'unflatten',
  infer([y], { inputShape }) {
    return [{ shape: inputShape as number[], dtype: y!.dtype }]
  },
}

/**
 * Each sample as one row, in logical (channel, row, column) order.
 *
 * @param x float32 or bfloat16 [N, ...]
 * @returns [N, elements per sample]
 * @throws ShapeError, DTypeError
 */
export function flatten<R>(x: Operand<R>): R {
  return applyOp(flattenOp, {}, [x])
}
