import { map, type RefTensor } from './tensor.js'

/** x times a number. */
export const scale = (x: RefTensor, factor: number): RefTensor => map(x, (value) => value * factor)
