import { shape2, zeros, type RefTensor } from './tensor.js'

export interface SoftmaxCrossEntropy {
  /** The sum of -log softmax(logits)[label] over the samples, over the divisor. */
  readonly loss: number
  /** (softmax - onehot) / divisor. */
  readonly dlogits: RefTensor
  /** How many samples have their label as the first of their largest logits. */
  readonly correct: number
}

/** Of logits [N,C] and labels [N]; a divisor of N makes the loss the mean. */
export function softmaxCrossEntropy(
  logits: RefTensor,
  labels: ArrayLike<number>,
  divisor: number,
): SoftmaxCrossEntropy {
  const [N, C] = shape2(logits.shape)
  const dlogits = zeros([N, C])
  let loss = 0
  let correct = 0
  for (let n = 0; n < N; n++) {
    const row = logits.data.subarray(n * C, (n + 1) * C)
    const label = labels[n]!
    const largest = Math.max(...row)
    const logSum = largest + Math.log(row.reduce((sum, logit) => sum + Math.exp(logit - largest), 0))
    loss += (logSum - (row[label] ?? NaN)) / divisor
    if (row.indexOf(largest) === label) correct++
    row.forEach((logit, c) => {
      dlogits.data[n * C + c] = (Math.exp(logit - logSum) - (c === label ? 1 : 0)) / divisor
    })
  }
  return { loss, dlogits, correct }
}
