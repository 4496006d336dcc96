/** The data that a problem is tried on. */
import { integerData, labelData, spreadData } from '../reference/data.js'
import { tensor, type RefTensor } from '../reference/tensor.js'
import type { Problem } from './case.js'

/** Reals (see `spreadData`) or small integers for each input of a problem; labels are labels in both. */
export function drawInputs({ inputs }: Problem, kind: 'real' | 'integer', seed: number): RefTensor[] {
  return inputs.map(({ role, shape, classes }, stream) => {
    if (role === 'labels') return tensor(labelData(shape[0]!, classes!, seed, stream), shape)
    return (kind === 'real' ? spreadData : integerData)(shape, seed, stream)
  })
}
