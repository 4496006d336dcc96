import fc from 'fast-check'
import { crossEntropy } from '../../lib/ops/crossEntropy.js'
import { scale } from '../reference/scale.js'
import { softmaxCrossEntropy } from '../reference/softmaxCrossEntropy.js'
import { tensor } from '../reference/tensor.js'
import { opCase } from './case.js'

export const crossEntropyCase = opCase(
  'crossEntropy',
  fc.record({ batch: fc.integer({ min: 1, max: 33 }), classes: fc.constantFrom(2, 3, 10, 33) }),
  ({ batch, classes }) => ({
    inputs: [
      { role: 'activation', shape: [batch, classes] },
      { role: 'labels', shape: [batch], classes },
    ],
    call: ([logits, labels]) => crossEntropy(logits!, labels!),
    forward: ([logits, labels]) => tensor([softmaxCrossEntropy(logits!, labels!.data, batch).loss], [1]),
    backward: ([logits, labels], dloss) => [
      scale(softmaxCrossEntropy(logits!, labels!.data, batch).dlogits, dloss.data[0]!),
      undefined,
    ],
    exact: false,
  }),
)
