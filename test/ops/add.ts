import { add } from '../../lib/ops/add.js'
import * as reference from '../reference/add.js'
import { activations } from './arbitraries.js'
import { opCase } from './case.js'

export const addCase = opCase('add', activations, (shape) => ({
  inputs: [
    { role: 'activation', shape },
    { role: 'activation', shape },
  ],
  call: ([a, b]) => add(a!, b!),
  forward: ([a, b]) => reference.add(a!, b!),
  backward: (_inputs, dy) => [dy, dy],
}))
