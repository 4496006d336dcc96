/** The ops of a training step that have no derivative: data, metrics, counters and the update. */
import { byteLength, elementCount, type DType } from '../graph/graph.js'
import type { OpDefinition } from './op.js'

/**
 * images uint8 [n,C,h,w], labels int32 [n], order int32 [m], counters int64 [4] -> x [N,C,H,W], y int32 [N]; the shape and
 * type of x are the attributes `outputShape` and `dtype`.
 */
export const gatherImagesOp: OpDefinition = {
  name: 'gatherImages',
  infer(_inputs, { outputShape, dtype }) {
    const shape = outputShape as number[]
    return [
      { shape, dtype: dtype as DType },
      { shape: [shape[0]!], dtype: 'int32' },
    ]
  },
  // Of all images only those of the batch, each with its label and its place in the order.
  bytes([images, , order], [x, y]) {
    const batch = y!.shape[0]!
    const image = elementCount(images!.shape.slice(1))
    return batch * (image + byteLength({ ...order!, shape: [1] })) + byteLength(x!) + 2 * byteLength(y!)
  },
}

/** Adds to metrics float64 [4 + C], input 4: see native/ops/README.md. */
export const accumulateMetricsOp: OpDefinition = { name: 'accumulateMetrics', mutates: [4], infer: () => [] }

/** Adds to the counters int64 [4]: {step, samples, cursor, 0}. */
export const advanceOp: OpDefinition = { name: 'advance', mutates: [0], infer: () => [] }

/** Updates the parameters, input 0, and the momentum, input 4, if there is one. */
export const sgdOp: OpDefinition = { name: 'sgd', mutates: [0, 4], infer: () => [] }
