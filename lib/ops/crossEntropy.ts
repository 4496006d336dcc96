/** Softmax cross-entropy: loss, gradient and correct count in one kernel. */
import { applyOp, requireOperand } from './apply.js'
import { ShapeError } from '../errors.js'
import { describeShape, requireActivation, requireDType, requireRank } from './check.js'
import type { Operand, OpDefinition } from './op.js'
import { scaleOp } from './scale.js'

/** logits [N,C], labels int32 [N] -> loss float32 [1], dlogits [N,C], correct int32 [1]; attribute divisor. */
export const softmaxCrossEntropyOp: OpDefinition = {
  name: 'softmaxCrossEntropy',
  infer([logits, labels]) {
    requireActivation('crossEntropy', 'logits', logits!)
    requireRank('crossEntropy', 'logits', logits!, 2, '[N, classes]')
    requireDType('crossEntropy', 'labels', labels!, ['int32'])
    requireRank('crossEntropy', 'labels', labels!, 1, '[N]')
    if (labels!.shape[0] !== logits!.shape[0]) {
      throw new ShapeError(
        `crossEntropy: labels must have one entry per row of logits ${describeShape(logits!.shape)}; ` +
          `received ${describeShape(labels!.shape)}`,
      )
    }
    return [{ shape: [1], dtype: 'float32' }, logits!, { shape: [1], dtype: 'int32' }]
  },
  differentiate({ outputs: [, dlogits] }, [dloss]) {
    return [dlogits!.apply(scaleOp, {}, [dlogits!, dloss!])]
  },
}

/**
 * The mean over the batch of -log softmax(logits)[label].
 *
 * @param logits float32 or bfloat16 [N, classes]
 * @param labels int32 [N], each in [0, classes); another one makes the loss NaN
 * @returns float32 [1]
 * @throws ShapeError, DTypeError
 */
export function crossEntropy<R>(logits: Operand<R>, labels: Operand<R>): R {
  requireOperand('crossEntropy', logits)
  return applyOp(softmaxCrossEntropyOp, { divisor: logits.shape[0] ?? 1 }, [logits, labels])
}
