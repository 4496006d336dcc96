/** A ReLU's backward in the kernel of the gradient in front of it gives what the two kernels give. */
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { openDevice, relu, tensor, vjp, type Tensor, type Tracer } from '../../lib/index.js'
import { conv2dBackwardDataOp } from '../../lib/ops/conv2d.js'
import { reluBackwardOp } from '../../lib/ops/relu.js'
import { floatingTypes, type Floating } from '../bfloat16.js'
import { testDevice } from '../device.js'
import { roundToBfloat16, roundToFloat32, spreadData } from '../reference/data.js'
import { map } from '../reference/tensor.js'
import { expectClose } from '../reference/tolerance.js'
import { avgPool2dCase } from './avgPool2d.js'
import type { Problem } from './case.js'
import { conv2dCase } from './conv2d.js'
import { drawInputs } from './inputs.js'
import { linearCase } from './linear.js'
import { maxPool2dCase } from './maxPool2d.js'

// A GPU's engine for both may add in another order than that for one.
const isSameKernel = openDevice(testDevice).backend === 'onednn'

/** @param isExact whether both are made by the same kernel */
async function compare(problem: Problem, floating: Floating, seed: number, isExact: boolean): Promise<void> {
  const round = floating === 'float32' ? roundToFloat32 : roundToBfloat16
  const upload = (values: ArrayLike<number>, shape: readonly number[], dtype: Floating): Promise<Tensor> => {
    const data = Float32Array.from(values, round)
    return dtype === 'float32' ? tensor(data, shape) : tensor(data, shape, { dtype })
  }
  const inputs = await Promise.all(
    drawInputs(problem, 'real', seed).map(({ data, shape }, i) =>
      upload(data, shape, problem.inputs[i]!.role === 'parameter' ? 'float32' : floating),
    ),
  )
  const [x, ...parameters] = inputs as [Tensor, ...Tensor[]]
  const { shape } = problem.forward(drawInputs(problem, 'real', seed))
  const dy = await upload(spreadData(shape, seed, 1000).data, shape, floating)

  const y = await relu(x)
  const apart = await vjp((...tracers: Tracer[]) => problem.call(tracers), [y, ...parameters], [dy])
  const dx = apart.gradients[0]!
  const expected = await dx.apply(reluBackwardOp, {}, [dx, y])
  const layer = (first: Tracer, ...rest: Tracer[]): Tracer => problem.call([relu(first), ...rest])
  const together = await vjp(layer, [x, ...parameters], [dy])

  const [actual, wanted] = [await together.gradients[0]!.data(), await expected.data()] as Float32Array[]
  if (isExact) expect(actual).toEqual(wanted)
  else expectClose(actual!, wanted!, floating)
  const mask = (await y.data()) as Float32Array
  expect(actual!.every((value, i) => mask[i]! > 0 || Object.is(value, 0))).toBe(true)
  const made = [...inputs, dy, y, expected, ...apart.outputs, ...apart.gradients, ...together.outputs, ...together.gradients]
  for (const each of made) each?.dispose()
}

// On the CPU 1x1 convolutions and dense layers have a kernel of our own for both, and for the gradient alone often oneDNN's.
const exactCases = isSameKernel ? [maxPool2dCase, avgPool2dCase] : []

describe.each([conv2dCase, linearCase, maxPool2dCase, avgPool2dCase])('behind $name', (one) => {
  test.each(floatingTypes)('in %s', async (floating) => {
    await fc.assert(
      fc.asyncProperty(one.problems, fc.nat(), (problem, seed) => compare(problem, floating, seed, exactCases.includes(one))),
      { numRuns: 20 },
    )
  })
})

test('behind a convolution that is large enough for Winograd', async () => {
  const [x, weight, dy] = [[4, 32, 12, 12], [32, 32, 3, 3], [4, 32, 12, 12]].map((shape, stream) =>
    map(spreadData(shape, 1, stream), roundToFloat32),
  )
  const inputs = await Promise.all([x!, weight!, dy!].map(({ data, shape }) => tensor(Float32Array.from(data), shape)))
  const y = await relu(inputs[0]!)
  const attributes = { stride: [1, 1], padding: [1, 1], precision: 'default', inputShape: x!.shape }
  const gradient = (relu: boolean): Promise<Tensor> =>
    inputs[2]!.apply(conv2dBackwardDataOp, { ...attributes, relu }, [inputs[2]!, inputs[1]!, ...(relu ? [y] : [])])
  const dx = await gradient(false)
  const wanted = (await (await dx.apply(reluBackwardOp, {}, [dx, y])).data()) as Float32Array
  const actual = (await (await gradient(true)).data()) as Float32Array
  if (isSameKernel) expect(actual).toEqual(wanted)
  else expectClose(actual, wanted, 'winograd')
})

test('only what is above 0 has a gradient', async () => {
  // cuDNN’s ReLU ends at the largest number, and says nothing of NaNs.
  const notFinite = isSameKernel ? [Infinity, -Infinity, NaN, -NaN] : [1, -1, 0, -0]
  const shape = [1, 10, 1, 1]
  const y = await tensor(Float32Array.of(0, -0, 2 ** -126, -(2 ** -126), ...notFinite, 1, 0), shape)
  const dy = await tensor(Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, -10), shape)
  const identity = await tensor(Float32Array.from({ length: 100 }, (_, i) => Number(i % 11 === 0)), [10, 10, 1, 1])
  const attributes = { stride: [1, 1], padding: [0, 0], precision: 'highest', relu: true, inputShape: shape }
  const dx = await dy.apply(conv2dBackwardDataOp, attributes, [dy, identity, y])
  expect([...((await dx.data()) as Float32Array)]).toEqual([0, 0, 3, 0, 5, 0, 0, 0, 9, 0])
})
