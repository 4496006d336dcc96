/**
 * Convolutions large enough for Winograd: within its bound by default, exact on integers where `precision` is `highest`.
 * Dense layers, which have no Winograd. TF32, where there is a GPU.
 */
import { describe, expect, test } from '@jest/globals'
import { conv2d, DTypeError, jit, linear, OptionError, tensor, Trainer, vjp, NiN, optim, type Tensor, type Tracer } from '../../lib/index.js'
import type { MatmulPrecision } from '../../lib/index.js'
import { testDevice } from '../device.js'
import * as reference from '../reference/conv2d.js'
import * as dense from '../reference/linear.js'
import { testBfloat16, type Floating } from '../bfloat16.js'
import { integerData, roundToBfloat16, roundToFloat32, spreadData } from '../reference/data.js'
import { map, type RefTensor } from '../reference/tensor.js'
import { expectClose, type Precision } from '../reference/tolerance.js'

const upload = ({ data, shape }: RefTensor): Promise<Tensor> => tensor(Float32Array.from(data), shape)
const uploadBfloat16 = ({ data, shape }: RefTensor): Promise<Tensor> =>
  tensor(Float32Array.from(data), shape, { dtype: 'bfloat16' })

/** x [2,32,15,14], odd sizes so that tiles reach over the edge, and what follows from it; in bfloat16 x [2,64,11,12]. */
function problem(kernel: 3 | 5, draw: typeof integerData, dtype: Floating = 'float32') {
  const options = { stride: [1, 1], padding: [kernel >> 1, kernel >> 1] } as const
  const round = dtype === 'float32' ? roundToFloat32 : roundToBfloat16
  const draws = (shape: number[], stream: number) => map(draw(shape, kernel, stream), round)
  const x = draws(dtype === 'float32' ? [2, 32, 15, 14] : [2, 64, 11, 12], 0)
  const w = draws([40, x.shape[1]!, kernel, kernel], 1)
  const b = draws([40], 2)
  const y = reference.conv2d(x, w, b, options)
  const dy = draws([...y.shape], 3)
  const { dw, dbias } = reference.conv2dBackwardWeights(x, dy, w.shape, options)
  const gradients = [reference.conv2dBackwardData(dy, w, x.shape, options), dw, dbias]
  return { inputs: [x, w, b], y, dy, gradients, padding: options.padding }
}

/** The same of a dense layer: x [20,70], weights [33,70]. */
function denseProblem(draw: typeof integerData) {
  const draws = (shape: number[], stream: number) => map(draw(shape, 7, stream), roundToFloat32)
  const x = draws([20, 70], 0)
  const w = draws([33, 70], 1)
  const b = draws([33], 2)
  const y = dense.linear(x, w, b)
  const dy = draws([...y.shape], 3)
  const { dw, dbias } = dense.linearBackwardWeights(x, dy)
  return { inputs: [x, w, b], y, dy, gradients: [dense.linearBackwardData(dy, w), dw, dbias] }
}

async function expectAll(actual: readonly (Tensor | undefined)[], expected: readonly RefTensor[], within: Precision) {
  expect(actual).toHaveLength(expected.length)
  for (const [i, reference] of expected.entries()) {
    expectClose((await actual[i]!.data()) as Float32Array, reference, within)
  }
}

const cases = [
  ['default', 'winograd', spreadData],
  ['highest', 'float32', spreadData],
  ['highest', 'exact', integerData],
] as const

describe.each([3, 5] as const)('a convolution with a kernel of width %i', (kernel) => {
  test.each(cases)('of precision %s is %s, by its own option and by the trace', async (precision, within, draw) => {
    const { inputs, y, dy, gradients, padding } = problem(kernel, draw)
    const tensors = await Promise.all(inputs.map(upload))
    const [x, w, b] = tensors as [Tensor, Tensor, Tensor]
    const cotangent = await upload(dy)
    await expectAll([await conv2d(x, w, b, { padding, precision })], [y], within)

    const of = (own?: MatmulPrecision) => (tx: Tracer, tw: Tracer, tb: Tracer) =>
      conv2d(tx, tw, tb, { padding, ...(own && { precision: own }) })
    await expectAll([await jit(of(), { precision })(x, w, b)], [y], within)
    const byOption = await vjp(of(precision), tensors, [cotangent])
    await expectAll([...byOption.outputs, ...byOption.gradients], [y, ...gradients], within)
    const byTrace = await vjp(of(), tensors, [cotangent], { precision })
    await expectAll([...byTrace.outputs, ...byTrace.gradients], [y, ...gradients], within)
  })
})

describe.each([3, 5] as const)('a convolution in bfloat16 with a kernel of width %i', (kernel) => {
  testBfloat16.each([
    ['default', 'bfloat16', spreadData],
    ['highest', 'bfloat16', spreadData],
    ['highest', 'exact', integerData],
  ] as const)('of precision %s is %s', async (precision, within, draw) => {
    const { inputs, y, dy, gradients, padding } = problem(kernel, draw, 'bfloat16')
    const [x, w, b] = inputs
    const tensors = [await uploadBfloat16(x!), await upload(w!), await upload(b!)]
    const fn = (tx: Tracer, tw: Tracer, tb: Tracer): Tracer => conv2d(tx, tw, tb, { padding })
    const result = await vjp(fn, tensors, [await uploadBfloat16(dy)], { precision })
    const rounded = (reference: RefTensor): RefTensor => (within === 'exact' ? map(reference, roundToBfloat16) : reference)
    const [dx, dw, dbias] = gradients
    await expectAll(result.outputs, [rounded(y)], within)
    await expectAll(result.gradients, [rounded(dx!), dw!, dbias!], within)
  })
})

test.each([
  ['default', 'float32', spreadData],
  ['highest', 'float32', spreadData],
  ['highest', 'exact', integerData],
] as const)('a dense layer of precision %s is %s, by its own option and by the trace', async (precision, within, draw) => {
  const { inputs, y, dy, gradients } = denseProblem(draw)
  const tensors = await Promise.all(inputs.map(upload))
  const [x, w, b] = tensors as [Tensor, Tensor, Tensor]
  const cotangent = await upload(dy)
  await expectAll([await linear(x, w, b, { precision })], [y], within)
  const byOption = await vjp((tx: Tracer, tw: Tracer, tb: Tracer) => linear(tx, tw, tb, { precision }), tensors, [cotangent])
  await expectAll([...byOption.outputs, ...byOption.gradients], [y, ...gradients], within)
  const byTrace = await vjp((tx: Tracer, tw: Tracer, tb: Tracer) => linear(tx, tw, tb), tensors, [cotangent], { precision })
  await expectAll([...byTrace.outputs, ...byTrace.gradients], [y, ...gradients], within)
})

// A CPU has no TF32 and refuses it, as is tested below.
const testOnGpu = testDevice === 'cpu' ? test.skip : test

testOnGpu.each([
  ['conv2d', problem(3, spreadData), (x: Tracer, w: Tracer, b: Tracer) => conv2d(x, w, b, { padding: 1, precision: 'tfloat32' })],
  ['linear', denseProblem(spreadData), (x: Tracer, w: Tracer, b: Tracer) => linear(x, w, b, { precision: 'tfloat32' })],
] as const)('%s of precision tfloat32 rounds as TF32 does, forward and backward', async (_, { inputs, y, dy, gradients }, fn) => {
  const result = await vjp(fn, await Promise.all(inputs.map(upload)), [await upload(dy)])
  const actual = [...result.outputs, ...result.gradients]
  await expectAll(actual, [y, ...gradients], 'tfloat32')
  // The bias's gradient is a sum, without factors.
  for (const [i, expected] of [y, ...gradients.slice(0, 2)].entries()) {
    await expect(expectAll([actual[i]], [expected], 'winograd')).rejects.toThrow('max error / rms')
  }
})

test('one function differentiated in both precisions is compiled for each', async () => {
  const { inputs, y, dy, gradients, padding } = problem(5, integerData)
  const tensors = await Promise.all(inputs.map(upload))
  const cotangent = await upload(dy)
  const fn = (x: Tracer, w: Tracer, b: Tracer): Tracer => conv2d(x, w, b, { padding })
  for (const [precision, within] of [['default', 'winograd'], ['highest', 'exact']] as const) {
    const result = await vjp(fn, tensors, [cotangent], { precision })
    await expectAll([...result.outputs, ...result.gradients], [y, ...gradients], within)
  }
})

test('other precisions are refused', async () => {
  const precision = 'high' as MatmulPrecision
  const [x, w] = await Promise.all([upload(integerData([1, 1, 3, 3], 0, 0)), upload(integerData([1, 1, 3, 3], 0, 1))])
  expect(() => conv2d(x, w, undefined, { precision })).toThrow(OptionError)
  expect(() => linear(x, w, undefined, { precision })).toThrow(OptionError)
  await expect(jit((tx: Tracer, tw: Tracer) => conv2d(tx, tw), { precision })(x, w)).rejects.toThrow(OptionError)
  const options = { optimizer: optim.SGD({ lr: 0.1 }), batchSize: 1, epochs: 1, precision }
  expect(() => new Trainer(new NiN(), options)).toThrow('precision must be one of default, highest, tfloat32')
})

test('the CPU refuses tfloat32 and says what to ask for instead', async () => {
  const [x, w] = await Promise.all([1, 2].map((v) => tensor(Float32Array.of(v), [1, 1, 1, 1], { device: 'cpu' })))
  const [rows, weights] = await Promise.all([1, 2].map((v) => tensor(Float32Array.of(v), [1, 1], { device: 'cpu' })))
  const options = { precision: 'tfloat32' } as const
  for (const refused of [conv2d(x!, w!, undefined, options), linear(rows!, weights!, undefined, options)]) {
    await expect(refused).rejects.toThrow(DTypeError)
    await expect(refused).rejects.toThrow("'default' or 'highest' on the CPU, which has no TF32; 'tfloat32' needs a GPU")
  }
})
