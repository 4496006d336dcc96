/** Kernels that are chosen by measuring compute what those chosen by heuristics do. */
import { describe, expect, test } from '@jest/globals'
import { conv2d, maxPool2d, openDevice, tensor, vjp, type Tracer } from '../../lib/index.js'
import { testDevice } from '../device.js'
import * as reference from '../reference/conv2d.js'
import { integerData } from '../reference/data.js'
import { expectClose } from '../reference/tolerance.js'

// oneDNN has nothing to measure.
const describeOnGpu = testDevice.startsWith('cuda') ? describe : describe.skip

describeOnGpu('with autotune', () => {
  const device = () => openDevice(testDevice, { autotune: true })

  test('a convolution and its gradients are exact on integers', async () => {
    const options = { stride: [2, 2], padding: [1, 1] } as const
    const data = [[3, 5, 9, 8], [6, 5, 3, 3], [6]].map((shape, i) => integerData(shape, 3, i))
    const [x, w, b] = data as [(typeof data)[0], (typeof data)[0], (typeof data)[0]]
    const y = reference.conv2d(x, w, b, options)
    const dy = integerData([...y.shape], 3, 3)
    const { dw, dbias } = reference.conv2dBackwardWeights(x, dy, w.shape, options)
    const dx = reference.conv2dBackwardData(dy, w, x.shape, options)
    const tuned = device()
    const upload = ({ data, shape }: typeof x) => tensor(Float32Array.from(data), shape, { device: tuned })
    const result = await vjp(
      (...[tx, tw, tb]: Tracer[]) => conv2d(tx!, tw!, tb, { ...options, precision: 'highest' }),
      await Promise.all(data.map(upload)),
      [await upload(dy)],
    )
    const found = await Promise.all([...result.outputs, ...result.gradients].map((tensor) => tensor!.data()))
    for (const [i, expected] of [y, dx, dw, dbias].entries()) expectClose(found[i] as Float32Array, expected, 'exact')
  })

  test('a pooling keeps the place of its index', async () => {
    const tuned = device()
    const x = await tensor(Float32Array.of(1, 4, 2, 3), [1, 1, 2, 2], { device: tuned })
    const dy = await tensor(Float32Array.of(7), [1, 1, 1, 1], { device: tuned })
    const { outputs, gradients } = await vjp((tx: Tracer) => maxPool2d(tx, 2), [x], [dy])
    expect([...(await outputs[0]!.data())]).toEqual([4])
    expect([...(await gradients[0]!.data())]).toEqual([0, 7, 0, 0])
  })
})
