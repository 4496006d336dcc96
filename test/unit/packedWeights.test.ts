/** Weights that are packed for a compiled function, and kept until they change. */
import { describe, expect, test } from '@jest/globals'
import type { Binding } from '../../lib/device.js'
import { compile } from '../../lib/graph/compile.js'
import { GraphBuilder } from '../../lib/graph/trace.js'
import { conv2d, jit, openDevice, Tensor, tensor, type Tracer } from '../../lib/index.js'

describe('packed weights', () => {
  const ones = (shape: readonly number[], value = 1): Promise<Tensor<'float32'>> =>
    tensor(new Float32Array(shape.reduce((a, b) => a * b)).fill(value), shape)
  const convolve = (): ReturnType<typeof jit<(x: Tracer, w: Tracer) => Tracer>> => jit((x: Tracer, w: Tracer) => conv2d(x, w))
  /** What a convolution of ones by weights of one value is. */
  const expected = (weight: number): number => 32 * 9 * weight
  /** Rounded, as Winograd convolutions are not exact. */
  const firstOf = async (y: Promise<Tensor>): Promise<number> => Math.round(Number((await (await y).data())[0]))

  test('are packed anew when the weights change, and only then', async () => {
    const block = convolve()
    const [x, w] = [await ones([1, 32, 18, 18]), await ones([32, 32, 3, 3])]
    expect(await firstOf(block(x, w))).toBe(expected(1))
    expect(await firstOf(block(x, w))).toBe(expected(1))
    await w.assign(new Float32Array(32 * 32 * 9).fill(2))
    expect(await firstOf(block(x, w))).toBe(expected(2))
    const other = await ones([32, 32, 3, 3], 3)
    expect(await firstOf(block(x, other))).toBe(expected(3))
    expect(await firstOf(block(x, w))).toBe(expected(2))
  })

  test('of several functions that run in turns, or are asked for at once, are not mixed up', async () => {
    const [small, large] = [convolve(), jit((x: Tracer, w: Tracer) => conv2d(x, w, undefined, { stride: 2 }))]
    const x = await ones([1, 32, 18, 18])
    const [w, v] = [await ones([32, 32, 3, 3]), await ones([32, 32, 3, 3], 2)]
    for (let i = 0; i < 3; i++) {
      expect(await firstOf(small(x, w))).toBe(expected(1))
      expect(await firstOf(large(x, v))).toBe(expected(2))
    }
    const asked = [small(x, w), small(x, w), large(x, v), small(x, v), small(x, w), large(x, w)]
    expect(await Promise.all(asked.map(firstOf))).toEqual([1, 1, 2, 2, 1, 1].map(expected))
    const written = w.assign(new Float32Array(32 * 32 * 9).fill(4))
    expect(await firstOf(small(x, w))).toBe(expected(4))
    await written
  })

  test('are packed anew after a profile of other weights', async () => {
    const device = openDevice('cpu')
    const builder = new GraphBuilder()
    const [x, w, v] = [await ones([1, 32, 18, 18]), await ones([32, 32, 3, 3]), await ones([32, 32, 3, 3], 2)]
    const graph = builder.build([conv2d(builder.input(x), builder.input(w))])
    const compiled = await compile(graph, device.backend, device.native, { keepsPacked: true })
    const y = Tensor.zeros(device, [1, 32, 16, 16], 'float32')
    const bind = (weights: Tensor): Binding[] => [x, weights, y].map(({ binding }) => binding)
    await device.run(compiled, 1, bind(w))
    await device.profile(compiled, 1, bind(v))
    expect(await firstOf(Promise.resolve(y))).toBe(expected(2))
    await device.run(compiled, 1, bind(w))
    expect(await firstOf(Promise.resolve(y))).toBe(expected(1))
  })
})
