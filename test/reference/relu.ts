import { map, type RefTensor } from './tensor.js'

/** max(x, 0). */
export const relu = (x: RefTensor): RefTensor => map(x, (value) => Math.max(value, 0))

/** dy where the output y is above zero, zero elsewhere. */
export const reluBackward = (dy: RefTensor, y: RefTensor): RefTensor =>
  map(dy, (value, e) => (y.data[e]! > 0 ? value : 0))
