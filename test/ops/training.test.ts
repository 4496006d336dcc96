import { describe, expect, test } from '@jest/globals'
import { openDevice, tensor, Tensor } from '../../lib/index.js'
import { compile } from '../../lib/graph/compile.js'
import { GraphBuilder } from '../../lib/graph/trace.js'
import type { Attributes } from '../../lib/native/binding.js'
import type { OpDefinition } from '../../lib/ops/op.js'
import { gatherImagesOp, sgdOp } from '../../lib/ops/training.js'
import { loadFixture } from '../fixtures/load.js'
import type { SgdOptions } from '../reference/sgd.js'
import { elementCount, map, type RefTensor } from '../reference/tensor.js'
import { expectClose } from '../reference/tolerance.js'

/** Compiles one op; the function that is returned runs it on the inputs and writes the outputs. */
async function compileOp(op: OpDefinition, attributes: Attributes, inputs: readonly Tensor[]) {
  const device = openDevice()
  const builder = new GraphBuilder()
  const traced = builder.apply(
    op,
    attributes,
    inputs.map((input) => builder.input(input)),
  )
  const compiled = await compile(builder.build(traced), device.backend, device.native)
  const outputs = traced.map(({ shape, dtype }) => Tensor.zeros(device, shape, dtype))
  const bindings = [...inputs, ...outputs].map(({ binding }) => binding)
  return { outputs, run: () => device.run(compiled, 1, bindings) }
}

test('sgd updates as PyTorch does, ten steps with each of its options', async () => {
  type Settings = Readonly<Record<string, SgdOptions & { readonly lr: number }>>
  const fixture = await loadFixture<Settings>('sgd')
  const initial = fixture.tensor('initial').data
  const { data: gradients } = fixture.tensor('gradients')
  const shape = [initial.length]
  for (const [name, { lr, ...options }] of Object.entries(fixture.description)) {
    const parameters = await tensor(Float32Array.from(initial), shape)
    const gradient = await tensor(new Float32Array(initial.length), shape)
    const rates = await tensor(Float32Array.of(lr), [1])
    const counters = await tensor(new BigInt64Array(4), [4])
    // What the first step overwrites.
    const momentum = await tensor(new Float32Array(initial.length).fill(NaN), shape)
    const inputs = [parameters, gradient, rates, counters, ...(options.momentum > 0 ? [momentum] : [])]
    const { run } = await compileOp(sgdOp, { ...options }, inputs)
    const expected = fixture.tensor(`${name}.parameters`).data
    for (let step = 0; step < 10; step++) {
      const part = [step * initial.length, (step + 1) * initial.length] as const
      await gradient.assign(Float32Array.from(gradients.subarray(...part)))
      await counters.assign(BigInt64Array.of(BigInt(step), 0n, 0n, 0n))
      await run()
      expectClose(await parameters.data(), expected.subarray(...part), 'float32')
    }
  }
})

describe('gatherImages', () => {
  const counters = (cursor: number): Promise<Tensor> => tensor(BigInt64Array.of(0n, 0n, BigInt(cursor), 0n), [4])

  test('resizes to the bit as Pillow does', async () => {
    const fixture = await loadFixture<{ readonly count: number }>('resize')
    for (let i = 0; i < fixture.description.count; i++) {
      const image = fixture.tensor(`${i}.image`)
      const resized = fixture.tensor(`${i}.resized`)
      const channels = image.shape[1]!
      const inputs = [
        await tensor(Uint8Array.from(image.data), image.shape),
        await tensor(Int32Array.of(7), [1]),
        await tensor(Int32Array.of(0), [1]),
        await counters(0),
      ]
      const [mean, std] = [Array<number>(channels).fill(0), Array<number>(channels).fill(1)]
      const attributes = { outputShape: resized.shape, dtype: 'float32', mean, std }
      const { outputs, run } = await compileOp(gatherImagesOp, attributes, inputs)
      await run()
      const [x, y] = outputs as [Tensor<'float32'>, Tensor<'int32'>]
      const values = await x.data()
      expectClose(values.map((value) => Math.round(value * 255)), resized, 'exact')
      expectClose(values, map(resized, (value) => value / 255), 'float32')
      expect([...(await y.data())]).toEqual([7])
    }
  })

  test.each(['float32', 'bfloat16'] as const)('takes samples in order, channels normalised, to %s', async (dtype) => {
    const [count, channels, height, width] = [4, 3, 2, 5]
    const shape = [count, channels, height, width]
    const pixels = Uint8Array.from({ length: elementCount(shape) }, (_, e) => (e * 37) % 256)
    const mean = [0.1, 0.5, 0.9]
    const std = [0.25, 0.5, 2]
    const order = [9, 3, 0, 2, 1]
    const inputs = [
      await tensor(pixels, shape),
      await tensor(Int32Array.of(10, 11, 12, 13), [count]),
      await tensor(Int32Array.from(order), [order.length]),
      await counters(1),
    ]
    const taken = [3, 0, 2]
    const outputShape = [taken.length, channels, height, width]
    const { outputs, run } = await compileOp(gatherImagesOp, { outputShape, dtype, mean, std }, inputs)
    await run()
    const [x, y] = outputs as [Tensor<'float32'>, Tensor<'int32'>]
    const perSample = channels * height * width
    const expected: RefTensor = {
      shape: outputShape,
      data: Float64Array.from({ length: taken.length * perSample }, (_, e) => {
        const within = e % perSample
        const channel = Math.floor(within / (height * width))
        const pixel = pixels[taken[Math.floor(e / perSample)]! * perSample + within]!
        return (pixel / 255 - mean[channel]!) / std[channel]!
      }),
    }
    expectClose(await x.data(), expected, dtype)
    expect([...(await y.data())]).toEqual(taken.map((sample) => 10 + sample))
  })
})
