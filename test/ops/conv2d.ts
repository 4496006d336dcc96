import fc from 'fast-check'
import { conv2d, conv2dOp } from '../../lib/ops/conv2d.js'
import * as reference from '../reference/conv2d.js'
import { reluBackward } from '../reference/relu.js'
import type { RefTensor } from '../reference/tensor.js'
import { batches, channels, windows } from './arbitraries.js'
import { opCase, type Problem } from './case.js'

const options = fc.record({
  batch: batches,
  inChannels: channels,
  outChannels: channels,
  bias: fc.boolean(),
  // Mostly small kernels, and Network in Network's own 11x11 and 1x1.
  windowed: fc.oneof(
    { weight: 3, arbitrary: windows(5, (kernel) => kernel - 1) },
    { weight: 1, arbitrary: windows(11, () => 0) },
    { weight: 1, arbitrary: windows(1, () => 0) },
  ),
})

type Options = typeof options extends fc.Arbitrary<infer T> ? T : never

function problem({ batch, inChannels, outChannels, bias, windowed }: Options, relu: boolean): Problem {
  const { window, size } = windowed
  const { stride, padding } = window
  const shape = [batch, inChannels, ...size]
  const weights = [outChannels, inChannels, ...window.kernelSize]
  const forward = ([x, w, b]: readonly RefTensor[]): RefTensor =>
    reference.conv2d(x!, w!, b, { stride, padding, relu })
  const beforeRelu = ([x, w, b]: readonly RefTensor[]): RefTensor =>
    reference.conv2d(x!, w!, b, { stride, padding })
  return {
    inputs: [
      { role: 'activation', shape },
      { role: 'parameter', shape: weights },
      ...(bias ? [{ role: 'parameter', shape: [outChannels] } as const] : []),
    ],
    call: relu
      ? (inputs) => inputs[0]!.apply(conv2dOp, { stride, padding, relu }, inputs)
      : ([x, w, b]) => conv2d(x!, w!, b, { stride, padding }),
    forward,
    ...(relu && { kinks: beforeRelu }),
    backward: (inputs, gradient) => {
      const [x, w] = inputs as [RefTensor, RefTensor]
      const dy = relu ? reluBackward(gradient, forward(inputs)) : gradient
      const dx = reference.conv2dBackwardData(dy, w, shape, { stride, padding })
      const { dw, dbias } = reference.conv2dBackwardWeights(x, dy, weights, { stride, padding })
      return bias ? [dx, dw, dbias] : [dx, dw]
    },
  }
}

export const conv2dCase = opCase('conv2d', options, (drawn) => problem(drawn, false))

/** With its ReLU in the same kernel. */
export const conv2dReluCase = opCase('conv2d with ReLU', options, (drawn) => problem(drawn, true))
