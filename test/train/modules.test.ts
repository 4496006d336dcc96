/** Modules on the CPU device: prediction, and what a summary says of real kernels. */
import { describe, expect, test } from '@jest/globals'
import { openDevice } from '../../lib/device.js'
import { DisposedError, DTypeError, ShapeError } from '../../lib/errors.js'
import * as init from '../../lib/init/index.js'
import { NiN } from '../../lib/models/nin.js'
import * as nn from '../../lib/nn/index.js'
import { cast } from '../../lib/ops/cast.js'
import { tensor } from '../../lib/tensor.js'
import { floatingTypes, testBfloat16 } from '../bfloat16.js'

const dataOf = async (output: Promise<{ data(): Promise<unknown> }>): Promise<Float32Array> =>
  (await (await output).data()) as Float32Array

describe('predict', () => {
  test('a network of identities is the identity, to the bit; dropout does nothing', async () => {
    const net = new nn.Sequential(new nn.LazyConv2d(3, 3, { padding: 1 }), new nn.Dropout(0.9), new nn.Conv2d(3, 3, 1))
    net.initialize((name) => (name === 'weight' ? init.dirac() : init.zeros()))
    const values = Float32Array.from({ length: 2 * 3 * 5 * 4 }, (_, i) => i - 60)
    const x = await tensor(values, [2, 3, 5, 4])
    expect(await dataOf(net.predict(x))).toEqual(values)
    expect(net.parameters().every((parameter) => parameter.tensor?.device === x.device)).toBe(true)
  })

  test('sees new values without being compiled anew', async () => {
    const net = new nn.Linear(3, 2)
    const x = await tensor(Float32Array.of(1, 2, 3), [1, 3])
    const state = (weight: number, bias: number): nn.StateDict =>
      new Map([
        ['weight', { dtype: 'float32', shape: [2, 3], data: new Float32Array(6).fill(weight) }],
        ['bias', { dtype: 'float32', shape: [2], data: Float32Array.of(bias, -bias) }],
      ])
    await net.loadStateDict(state(1, 5))
    expect([...(await dataOf(net.predict(x)))]).toEqual([11, 1])
    await net.loadStateDict(state(2, 1))
    expect([...(await dataOf(net.predict(x)))]).toEqual([13, 11])
    expect(await net.stateDict()).toEqual(state(2, 1))
  })

  testBfloat16('takes any batch size, side by side, and bfloat16', async () => {
    const net = new nn.Sequential(new nn.Flatten(), new nn.Linear(4, 2)).initialize((name) =>
      name === 'weight' ? init.constant(1) : init.zeros(),
    )
    const outputs = await Promise.all(
      [1, 2, 3].map(async (n) => net.predict(await tensor(new Float32Array(4 * n).fill(n), [n, 1, 2, 2]))),
    )
    expect(await Promise.all(outputs.map((output) => output.data()))).toEqual(
      [1, 2, 3].map((n) => new Float32Array(2 * n).fill(4 * n)),
    )
    const x = await tensor(new Float32Array(4).fill(2), [1, 1, 2, 2])
    const half = await net.predict(await cast(x, 'bfloat16'))
    expect(half.dtype).toBe('bfloat16')
    expect(await half.data()).toEqual(Float32Array.of(8, 8))
  })

  test('bad input is a typed error, and the network goes on', async () => {
    const net = new nn.Sequential(new nn.Conv2d(1, 2, 3), new nn.Flatten())
    const x = await tensor(new Float32Array(9), [1, 1, 3, 3])
    await expect(net.predict(await tensor(new Float32Array(9), [1, 1, 9, 1]))).rejects.toThrow(ShapeError)
    await expect(net.predict(await tensor(new Float32Array(18), [1, 2, 3, 3]))).rejects.toThrow(/^layer 0, Conv2d/)
    await expect(net.predict(await tensor(new Int32Array(9), [1, 1, 3, 3]))).rejects.toThrow(DTypeError)
    const disposed = await tensor(new Float32Array(9), [1, 1, 3, 3])
    disposed.dispose()
    await expect(net.predict(disposed)).rejects.toThrow(DisposedError)
    expect((await net.predict(x)).shape).toEqual([1, 2])
  })
})

describe('summary', () => {
  test.each(floatingTypes)('%s: what the plans of real kernels allocate', async (dtype) => {
    // Workspaces grow with the threads.
    const device = openDevice('cpu', { threads: 2 })
    const { totals, rows } = await new NiN().summary([8, 1, 96, 96], { device, dtype })
    const bytes = dtype === 'float32' ? 4 : 2
    const firstActivation = 8 * 96 * 22 * 22 * bytes
    expect(rows[1]?.predict.memory).toBeGreaterThanOrEqual(firstActivation)
    expect(totals.predict.memory).toBeGreaterThan(4 * 1_992_166 + 2 * firstActivation)
    // Parameters and gradients, and in the first block three activations and a gradient.
    expect(totals.train!.memory).toBeGreaterThan(8 * 1_992_166 + 4 * firstActivation)
    expect(totals.train!.memory).toBeLessThan(64 * 2 ** 20)
  })

  test('draws no values', async () => {
    const net = new NiN()
    await net.summary([8, 1, 96, 96], { device: openDevice('cpu') })
    expect(net.parameters().some((parameter) => parameter.isMaterialized)).toBe(false)
  })
})
