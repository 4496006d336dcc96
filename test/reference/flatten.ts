import { tensor, type RefTensor } from './tensor.js'

/** [N,...] to [N,product of the rest], in logical order. */
export const flatten = (x: RefTensor): RefTensor => {
  const batch = x.shape[0]!
  return tensor(x.data, [batch, x.data.length / batch])
}

/** The inverse of `flatten`. */
export const unflatten = (y: RefTensor, shape: readonly number[]): RefTensor => tensor(y.data, shape)
