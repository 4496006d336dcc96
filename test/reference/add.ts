import { map, type RefTensor } from './tensor.js'

/** a + b, element by element. */
export const add = (a: RefTensor, b: RefTensor): RefTensor => map(a, (value, e) => value + b.data[e]!)
