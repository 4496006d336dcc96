/** The loss of classification. */
import { crossEntropy } from '../ops/crossEntropy.js'
import type { Operand } from '../ops/op.js'

/**
 * The mean over the batch of -log softmax(logits)[label]. It has two inputs, so it is a function in a class, not a
 * `Module`.
 */
export class CrossEntropyLoss {
  /**
   * @param logits float32 or bfloat16 [N, classes]
   * @param labels int32 [N], each in [0, classes); another one makes the loss NaN
   * @returns float32 [1]
   * @throws ShapeError, DTypeError
   */
  forward<R>(logits: Operand<R>, labels: Operand<R>): R {
    return crossEntropy(logits, labels)
  }

  toString(): string {
    return 'CrossEntropyLoss()'
  }
}
