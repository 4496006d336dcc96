import { relu } from '../../lib/ops/relu.js'
import * as reference from '../reference/relu.js'
import { activations } from './arbitraries.js'
import { opCase } from './case.js'

export const reluCase = opCase('relu', activations, (shape) => ({
  inputs: [{ role: 'activation', shape }],
  call: ([x]) => relu(x!),
  forward: ([x]) => reference.relu(x!),
  backward: ([x], dy) => [reference.reluBackward(dy, reference.relu(x!))],
}))
