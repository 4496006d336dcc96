import fc from 'fast-check'
import { dropout } from '../../lib/ops/dropout.js'
import * as reference from '../reference/dropout.js'
import { activations } from './arbitraries.js'
import { opCase } from './case.js'

export const dropoutCase = opCase(
  'dropout',
  fc.record({
    shape: activations,
    p: fc.oneof(fc.constantFrom(0, 0.5, 0.75), fc.double({ min: 0, max: 0.95, noNaN: true })),
    seed: fc.maxSafeNat(),
    use: fc.nat({ max: 3 }),
  }),
  ({ shape, ...options }) => ({
    inputs: [{ role: 'activation', shape }],
    call: ([x]) => dropout(x!, options),
    forward: ([x]) => reference.dropout(x!, { ...options, firstSample: 0 }),
    backward: (_inputs, dy) => [reference.dropout(dy, { ...options, firstSample: 0 })],
    exact: Number.isInteger(1 / (1 - options.p)),
  }),
)
