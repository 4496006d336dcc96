/** A constant. */
import type { OpDefinition } from './op.js'

/** y float32 of shape `outputShape`, every element `value`. */
export const fillOp: OpDefinition = {
  name: 'fill',
  infer(_inputs, { outputShape }) {
    return [{ shape: outputShape as number[], dtype: 'float32' }]
  },
}
