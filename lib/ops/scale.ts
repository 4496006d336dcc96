/** A tensor times a number that is in device memory. */
import { requireActivation, requireDType, requireShape } from './check.js'
import type { OpDefinition } from './op.js'

/** y = x * s, s float32 [1]. */
export const scaleOp: OpDefinition = {
  name: 'scale',
  inPlace: true,
  infer([x, s]) {
    requireActivation('scale', 'x', x!)
    requireShape('scale', 's', s!, [1])
    requireDType('scale', 's', s!, ['float32'])
    return [x!]
  },
}
