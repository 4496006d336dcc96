import fc from 'fast-check'
import { linear, linearOp } from '../../lib/ops/linear.js'
import * as reference from '../reference/linear.js'
import { reluBackward } from '../reference/relu.js'
import type { RefTensor } from '../reference/tensor.js'
import { opCase, type Problem } from './case.js'

const options = fc.record({
  batch: fc.integer({ min: 1, max: 17 }),
  inputs: fc.integer({ min: 1, max: 70 }),
  outputs: fc.constantFrom(1, 2, 10, 16, 33),
  bias: fc.boolean(),
})

type Options = typeof options extends fc.Arbitrary<infer T> ? T : never

function problem({ batch, inputs: features, outputs, bias }: Options, relu: boolean): Problem {
  const forward = ([x, w, b]: readonly RefTensor[]): RefTensor => reference.linear(x!, w!, b, { relu })
  const beforeRelu = ([x, w, b]: readonly RefTensor[]): RefTensor => reference.linear(x!, w!, b)
  return {
    inputs: [
      { role: 'activation', shape: [batch, features] },
      { role: 'parameter', shape: [outputs, features] },
      ...(bias ? [{ role: 'parameter', shape: [outputs] } as const] : []),
    ],
    call: relu
      ? (inputs) => inputs[0]!.apply(linearOp, { relu }, inputs)
      : ([x, w, b]) => linear(x!, w!, b),
    forward,
    ...(relu && { kinks: beforeRelu }),
    backward: (inputs, gradient) => {
      const [x, w] = inputs as [RefTensor, RefTensor]
      const dy = relu ? reluBackward(gradient, forward(inputs)) : gradient
      const { dw, dbias } = reference.linearBackwardWeights(x, dy)
      const dx = reference.linearBackwardData(dy, w)
      return bias ? [dx, dw, dbias] : [dx, dw]
    },
  }
}

export const linearCase = opCase('linear', options, (drawn) => problem(drawn, false))

/** With its ReLU in the same kernel. */
export const linearReluCase = opCase('linear with ReLU', options, (drawn) => problem(drawn, true))
