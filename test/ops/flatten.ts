import { flatten } from '../../lib/ops/flatten.js'
import * as reference from '../reference/flatten.js'
import { activations } from './arbitraries.js'
import { opCase } from './case.js'

export const flattenCase = opCase('flatten', activations, (shape) => ({
  inputs: [{ role: 'activation', shape }],
  call: ([x]) => flatten(x!),
  forward: ([x]) => reference.flatten(x!),
  backward: (_inputs, dy) => [reference.unflatten(dy, shape)],
}))
